//! Checks an optimiser's saved state. Burn panics on one that does not decode or fit, or begins without it.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::store::burn_pack::Reader;
use burn::tensor::{Bytes, DType, Shape, Tensor};

use crate::run::CheckpointError;

/// Checks that `state`, a part of the checkpoint at `path`, is one that `optimizer` can have for the parameters of
/// `model`.
pub fn check(
    state: &[u8],
    model: &impl Module,
    optimizer: ModuleOptimizer,
    path: &Path,
) -> Result<(), CheckpointError> {
    let unfit = |reason: String| CheckpointError::Version {
        path: path.into(),
        reason: format!("the optimiser's state can't be used: {reason}"),
    };
    let bytes = || Bytes::from_bytes_vec(state.to_vec());
    let reader = Reader::from_bytes(bytes()).map_err(|error| unfit(error.to_string()))?;
    let mut shapes = Shapes::default();
    model.visit(&mut shapes);
    for tensor in reader.into_tensors().map_err(|error| unfit(error.to_string()))? {
        let (name, dtype, shape, parameter, _) = tensor.into_parts().map_err(|error| unfit(error.to_string()))?;
        let expected = parameter.and_then(|id| shapes.0.get(&id));
        if expected != Some(&shape) || dtype != DType::F32 {
            return Err(unfit(format!("{} does not fit the network", name.escape_debug())));
        }
    }
    let record = OptimizerRecord::from_bytes(bytes()).map_err(|error| unfit(error.to_string()))?;
    let tensors = record.len();
    // Burn leaves out, without an error, what it can't restore.
    match optimizer.load_record(record).to_record().len() == tensors {
        true => Ok(()),
        false => Err(unfit("it is incomplete".into())),
    }
}

/// The shape of each parameter, by its number.
#[derive(Default)]
struct Shapes(BTreeMap<u64, Shape>);

impl ModuleVisitor for Shapes {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        self.0.insert(parameter.id.val(), parameter.val().shape());
    }
}
