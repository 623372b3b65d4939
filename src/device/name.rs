//! Device names: `auto`, `flex`, `wgpu:1`, or `remote:...` for a device of another machine.

use super::remote::Address;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceName {
    /// The first GPU of the compiled backends, or a CPU.
    Auto,
    /// A device of this machine.
    Local {
        backend: Backend,
        /// The number of the GPU. `None` for the one that the driver recommends.
        index: Option<usize>,
    },
    Remote(Address),
}

impl DeviceName {
    /// Parses a device name. The device need not be compiled in or present.
    pub fn parse(name: &str) -> Option<Self> {
        if name == "auto" {
            return Some(Self::Auto);
        }
        if let Some(address) = Address::parse(name) {
            return Some(Self::Remote(address));
        }
        let (backend, index) = match name.split_once(':') {
            Some((backend, index)) => (backend, Some(index.parse().ok()?)),
            None => (name, None),
        };
        let backend = Backend::ALL.into_iter().find(|known| known.name() == backend)?;
        // A CPU has no number.
        (backend.is_gpu() || index.is_none()).then_some(Self::Local { backend, index })
    }
}

/// The backends that this program can be built with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// NVIDIA GPUs, through CUDA.
    Cuda,
    /// Apple GPUs, with kernels compiled for Metal.
    Metal,
    /// GPUs, with kernels compiled for Vulkan.
    Vulkan,
    /// GPUs, through Vulkan, Metal or DirectX.
    Wgpu,
    /// The CPU, on Burn's ndarray backend.
    NdArray,
    /// The CPU, on Burn's flex backend.
    Flex,
}

impl Backend {
    /// All backends, in the order in which `auto` prefers them: what was asked for goes before `flex`, the default feature.
    pub const ALL: [Self; 6] = [Self::Cuda, Self::Metal, Self::Vulkan, Self::Wgpu, Self::NdArray, Self::Flex];

    /// The name on the command line, in config files, and as a cargo feature.
    pub fn name(self) -> &'static str {
        self.feature().0
    }

    /// Whether it is compiled in.
    pub fn is_built(self) -> bool {
        self.feature().1
    }

    /// The cargo feature, and whether this build has it.
    fn feature(self) -> (&'static str, bool) {
        match self {
            Self::Cuda => ("cuda", cfg!(feature = "cuda")),
            Self::Metal => ("metal", cfg!(feature = "metal")),
            Self::Vulkan => ("vulkan", cfg!(feature = "vulkan")),
            Self::Wgpu => ("wgpu", cfg!(feature = "wgpu")),
            Self::NdArray => ("ndarray", cfg!(feature = "ndarray")),
            Self::Flex => ("flex", cfg!(feature = "flex")),
        }
    }

    pub fn is_gpu(self) -> bool {
        !matches!(self, Self::NdArray | Self::Flex)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_name_is_parsed_into_backend_and_number() {
        let local = |backend, index| Some(DeviceName::Local { backend, index });
        assert_eq!(DeviceName::parse("auto"), Some(DeviceName::Auto));
        assert_eq!(DeviceName::parse("wgpu:1"), local(Backend::Wgpu, Some(1)));
        assert_eq!(DeviceName::parse("ndarray"), local(Backend::NdArray, None));
        assert!(matches!(DeviceName::parse("remote:ws://gpu:1"), Some(DeviceName::Remote(_))));
    }

    #[test]
    fn device_name_has_a_number_only_for_gpus_and_only_a_whole_one() {
        for name in ["wgpu:one", "ndarray:0", ":", "", "gpu", "auto:1"] {
            assert_eq!(DeviceName::parse(name), None, "{name}");
        }
    }
}
