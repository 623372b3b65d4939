//! Device names: `auto`, `flex`, `wgpu:1`, or `remote:...` for a device of another machine.

use super::backend::Backend;
use super::remote::Address;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceName {
    Auto,
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
        let backend: Backend = backend.parse().ok()?;
        // A CPU has no number.
        (backend.is_gpu() || index.is_none()).then_some(Self::Local { backend, index })
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
