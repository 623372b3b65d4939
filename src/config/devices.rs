//! `device`: where an experiment is computed.

use serde::{Deserialize, Serialize};

use crate::device::DeviceName;
use crate::device::remote::WorkerAddress;

/// A device, or several that share the images of each update. On the command line they stand in one word, `cuda:0,cuda:1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Devices {
    /// `"wgpu:1"`, or `"cuda:0,cuda:1"`.
    Word(String),
    /// `["cuda:0", "cuda:1"]`.
    List(Vec<String>),
}

impl Devices {
    /// The name of each.
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Word(word) => word.split(',').collect(),
            Self::List(names) => names.iter().map(String::as_str).collect(),
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.names().len()
    }

    /// The name of the first, which validates and tests.
    pub fn first(&self) -> &str {
        self.names().first().copied().unwrap_or_default()
    }

    /// Whether there is one, and each can be a device's name.
    pub fn are_sound(&self) -> bool {
        let names = self.names();
        !names.is_empty() && names.into_iter().all(|name| DeviceName::parse(name).is_some())
    }

    /// Whether those of workers are all reached over WebSocket, or none is: Burn moves no tensor between the two.
    pub fn are_reached_alike(&self) -> bool {
        let mut kinds = self.names().into_iter().filter_map(|name| match DeviceName::parse(name) {
            Some(DeviceName::Remote(address)) => Some(matches!(address.worker, WorkerAddress::WebSocket { .. })),
            _ => None,
        });
        let first = kinds.next();
        kinds.all(|kind| Some(kind) == first)
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
    fn a_word_with_commas_is_a_list() {
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
    fn each_has_to_be_a_devices_name() {
        assert!(Devices::from("wgpu:1,ndarray").are_sound());
        for unsound in [Devices::from(""), "ndarray,".into(), "ndarray, flex".into(), Devices::List(vec![])] {
            assert!(!unsound.are_sound(), "{unsound:?}");
        }
    }
}
