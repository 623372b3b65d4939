//! The backends that this program can be built with, and their adapters.

#[cfg(feature = "wgpu")]
use burn::tensor::DeviceKind;
use burn::tensor::{Device, DeviceType};
use strum::{EnumIter, EnumString, IntoEnumIterator, IntoStaticStr};

/// The backends, in the order in which `auto` prefers them: what was asked for goes before `flex`, the default feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum Backend {
    Cuda,
    /// Apple GPUs, with kernels compiled for Metal.
    Metal,
    /// GPUs, with kernels compiled for Vulkan.
    Vulkan,
    /// GPUs, through Vulkan, Metal or DirectX.
    Wgpu,
    NdArray,
    Flex,
}

impl Backend {
    /// The name on the command line, in config files, and as a cargo feature.
    pub fn name(self) -> &'static str {
        self.into()
    }

    pub fn is_gpu(self) -> bool {
        !matches!(self, Self::NdArray | Self::Flex)
    }

    /// What Burn calls its devices, if it is compiled in.
    fn device_type(self) -> Option<DeviceType> {
        match self {
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(DeviceType::Cuda),
            #[cfg(feature = "metal")]
            Self::Metal => Some(DeviceType::Metal),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Some(DeviceType::Vulkan),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(DeviceType::Wgpu),
            #[cfg(feature = "ndarray")]
            Self::NdArray => Some(DeviceType::NdArray),
            #[cfg(feature = "flex")]
            Self::Flex => Some(DeviceType::Flex),
            #[allow(unreachable_patterns, reason = "with every feature on, no backend is left")]
            _ => None,
        }
    }

    pub fn is_built(self) -> bool {
        self.device_type().is_some()
    }

    /// The backends that are compiled in, in the order in which `auto` prefers them.
    pub fn built() -> impl Iterator<Item = Self> {
        Self::iter().filter(|backend| backend.is_built())
    }

    /// The CPU backend that `auto` prefers, if one is compiled in.
    pub fn cpu() -> Option<Self> {
        Self::built().find(|backend| !backend.is_gpu())
    }

    pub fn names() -> String {
        Self::built().map(Self::name).collect::<Vec<_>>().join(", ")
    }

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
        self.device_type().map_or(vec![], |kind| Device::enumerate(kind).into_vec())
    }

    /// The adapter that the driver recommends, on backends of the wgpu kind. The `first` one on others.
    pub fn recommended(self, first: Device) -> Device {
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Device::wgpu(DeviceKind::DefaultDevice),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Device::vulkan(DeviceKind::DefaultDevice),
            #[cfg(feature = "metal")]
            Self::Metal => Device::metal(DeviceKind::DefaultDevice),
            _ => first,
        }
    }
}
