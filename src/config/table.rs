//! A key whose value is a table with names of the user's choice.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Values by name. A table in a file has at least one value, because a section without keys has no effect.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "BTreeMap<String, V>")]
pub struct Table<V>(pub BTreeMap<String, V>);

impl<V> Table<V> {
    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<V> TryFrom<BTreeMap<String, V>> for Table<V> {
    type Error = &'static str;

    fn try_from(values: BTreeMap<String, V>) -> Result<Self, Self::Error> {
        if values.is_empty() { Err("must have a value") } else { Ok(Self(values)) }
    }
}
