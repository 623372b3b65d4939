//! The backends that are compiled in, and their adapters.

use burn::tensor::Device;
#[cfg(any(feature = "cuda", feature = "wgpu"))]
use burn::tensor::{DeviceKind, DeviceType};

use super::error::DeviceError;
use super::name::Backend;
use super::opened::Opened;

impl Backend {
    /// The backends that are compiled in, in the order in which `auto` prefers them.
    pub fn built() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|backend| backend.is_built())
    }

    /// The CPU backend that `auto` prefers, if one is compiled in.
    pub fn cpu() -> Option<Self> {
        Self::built().find(|backend| !backend.is_gpu())
    }

    /// The names of those that are compiled in, for a message.
    pub fn names() -> String {
        Self::built().map(Self::name).collect::<Vec<_>>().join(", ")
    }

    /// What to do if no GPU is found.
    pub fn help(self) -> String {
        let driver = match self {
            Self::Cuda => "install NVIDIA's driver and the CUDA toolkit",
            Self::Metal => "Metal is available on macOS only",
            _ => "install the graphics card's Vulkan driver (on Debian and Ubuntu `mesa-vulkan-drivers`)",
        };
        let cpu = Self::cpu().map(|cpu| format!(", or use the CPU with `--device {}`", cpu.name()));
        format!("{driver}{}", cpu.unwrap_or_default())
    }

    /// All adapters of the backend, if it is compiled in. A CPU counts as one.
    pub fn adapters(self) -> Vec<Device> {
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda => Device::enumerate(DeviceType::Cuda).into_vec(),
            #[cfg(feature = "metal")]
            Self::Metal => Device::enumerate(DeviceType::Metal).into_vec(),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Device::enumerate(DeviceType::Vulkan).into_vec(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::enumerate(DeviceType::Wgpu).into_vec(),
            #[cfg(feature = "ndarray")]
            #[expect(deprecated, reason = "0.22 is the last Burn with ndarray; after it, flex takes its place")]
            Self::NdArray => vec![Device::ndarray()],
            #[cfg(feature = "flex")]
            Self::Flex => vec![Device::flex()],
            #[allow(unreachable_patterns, reason = "with every feature on, no backend is left")]
            _ => vec![],
        }
    }

    /// The adapter that the driver recommends, on backends of the wgpu kind. The first adapter on others.
    fn recommended(self) -> Option<Device> {
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(Device::wgpu(DeviceKind::DefaultDevice)),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Some(Device::vulkan(DeviceKind::DefaultDevice)),
            #[cfg(feature = "metal")]
            Self::Metal => Some(Device::metal(DeviceKind::DefaultDevice)),
            _ => self.adapters().into_iter().next(),
        }
    }

    /// Opens the adapter `index`, or the recommended one. `name` is the device's name.
    pub fn open(self, name: &str, index: Option<usize>) -> Result<Opened, DeviceError> {
        let adapters = self.adapters();
        let count = adapters.len();
        let device = match index {
            Some(index) => adapters.into_iter().nth(index),
            None if count > 0 => self.recommended(),
            None => None,
        };
        let device = device.ok_or_else(|| DeviceError::NoAdapter { name: name.into(), count, help: self.help() })?;
        #[cfg(any(feature = "cuda", feature = "wgpu"))]
        if self.is_gpu() {
            let identity = device.identity();
            // A software renderer is no physical device.
            let software = identity.as_ref().is_some_and(|identity| identity.physical.is_none());
            let adapter = identity.map_or_else(|| "unnamed".into(), |identity| identity.name);
            return Ok(Opened { device, name: name.into(), adapter, software });
        }
        Ok(Opened { device, name: name.into(), adapter: "CPU".into(), software: false })
    }
}
