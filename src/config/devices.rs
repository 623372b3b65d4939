//! `device`: the devices that compute an experiment.

use std::collections::BTreeSet;

use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::device::DeviceName;

/// One device, or several devices that share each update. The command line separates them by commas: `cuda:0,cuda:1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Devices {
    /// `"wgpu:1"`, or `"cuda:0,cuda:1"`.
    Word(String),
    /// `["cuda:0", "cuda:1"]`.
    List(Vec<String>),
}

impl Devices {
    /// The names of the devices.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Word(word) => word.split(',').collect(),
            Self::List(names) => names.iter().map(String::as_str).collect(),
        }
    }

    pub(crate) fn count(&self) -> usize {
        self.names().len()
    }

    /// The name of the first device, which also validates and tests.
    pub fn first(&self) -> &str {
        self.names().first().copied().unwrap_or_default()
    }

    /// Whether there is at least one name, every name is valid, and all workers are reached alike, by WebSocket or encrypted:
    /// Burn can't move tensors between the two kinds.
    pub fn are_sound(&self) -> bool {
        let names: Option<Vec<_>> = self.names().into_iter().map(DeviceName::parse).collect();
        let connection = |name: &DeviceName| match name {
            DeviceName::Remote(address) => Some(address.worker.id.is_none()),
            _ => None,
        };
        let are_alike = |all: &[DeviceName]| all.iter().filter_map(connection).collect::<BTreeSet<bool>>().len() <= 1;
        names.is_some_and(|all| !all.is_empty() && are_alike(&all))
    }

    pub(super) fn schema(_: &mut SchemaGenerator) -> Schema {
        const LOCAL: &str = "auto|cpu|gpu|ndarray|flex|(wgpu|vulkan|metal|cuda)(:[0-9]{1,9})?";
        const REMOTE: &str = "remote:(ws://|[0-9a-fA-F]{64}@)[^,/]+:[0-9]{1,5}(/[0-9]{1,9})?";
        let one = format!("({LOCAL}|{REMOTE})");
        json_schema!({
            "anyOf": [
                { "type": "string", "pattern": format!("^{one}(,{one})*$") },
                { "type": "array", "minItems": 1, "items": { "type": "string", "pattern": format!("^{one}$") } },
            ],
            "x-allowed": "\"auto\", \"cpu\", \"gpu\", \"ndarray\", \"flex\", or \"wgpu\", \"vulkan\", \"metal\", \"cuda\" with or without a number, as in \
                \"wgpu:1\", or the name of a worker's device; or a list of them",
        })
    }
}

impl From<&str> for Devices {
    fn from(word: &str) -> Self {
        Self::Word(word.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn device_word_with_commas_is_a_list() {
        let list = Devices::List(vec!["cuda:0".into(), "cuda:1".into()]);
        let word = Devices::from("cuda:0,cuda:1");
        assert_eq!((word.names(), word.count(), word.first()), (list.names(), 2, "cuda:0"));
        assert_eq!(Devices::from("auto").names(), ["auto"]);
    }

    #[test]
    fn workers_are_reached_in_one_way() {
        let (websocket, iroh) = ("remote:ws://gpu:1", format!("remote:{}@gpu:2", "0f".repeat(32)));
        for alike in [websocket.into(), format!("ndarray,{websocket},{websocket}/1"), format!("{iroh},{iroh}")] {
            assert!(Devices::Word(alike.clone()).are_sound(), "{alike}");
        }
        assert!(!Devices::Word(format!("{websocket},{iroh}")).are_sound());
    }

    #[test]
    fn device_names_are_checked_one_by_one() {
        assert!(Devices::from("wgpu:1,ndarray").are_sound());
        for unsound in [Devices::from(""), "ndarray,".into(), "ndarray, flex".into(), Devices::List(vec![])] {
            assert!(!unsound.are_sound(), "{unsound:?}");
        }
    }
}
