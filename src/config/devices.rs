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

    /// Whether there is at least one name, and every name is valid.
    pub fn are_sound(&self) -> bool {
        let names = self.names();
        !names.is_empty() && names.into_iter().all(|name| DeviceName::parse(name).is_some())
    }

    /// Whether all workers use the same kind of connection, WebSocket or encrypted: Burn can't move tensors between them.
    pub fn are_reached_alike(&self) -> bool {
        let kinds = self.names().into_iter().filter_map(|name| match DeviceName::parse(name) {
            Some(DeviceName::Remote(address)) => Some(address.worker.id.is_none()),
            _ => None,
        });
        kinds.collect::<BTreeSet<bool>>().len() <= 1
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
            assert!(Devices::Word(alike.clone()).are_reached_alike(), "{alike}");
        }
        assert!(!Devices::Word(format!("{websocket},{iroh}")).are_reached_alike());
    }

    #[test]
    fn device_names_are_checked_one_by_one() {
        assert!(Devices::from("wgpu:1,ndarray").are_sound());
        for unsound in [Devices::from(""), "ndarray,".into(), "ndarray, flex".into(), Devices::List(vec![])] {
            assert!(!unsound.are_sound(), "{unsound:?}");
        }
    }
}
