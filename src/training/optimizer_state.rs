//! Checks an optimiser's saved state. Burn panics on one that does not decode or fit, or begins without it.

use std::collections::BTreeMap;
use std::path::Path;

use burn::module::Module;
use burn::optim::{ModuleOptimizer, OptimizerRecord};
use burn::store::ModuleSnapshot;
use burn::store::burn_pack::Reader;
use burn::tensor::{Bytes, DType};

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
    let parameters = model.collect(None, None, false).into_iter();
    let shapes: BTreeMap<_, _> = parameters.map(|it| (it.param_id, it.shape)).collect();
    for tensor in reader.into_tensors().map_err(|error| unfit(error.to_string()))? {
        let (name, dtype, shape, parameter, _) = tensor.into_parts().map_err(|error| unfit(error.to_string()))?;
        if parameter.is_none() || shapes.get(&parameter) != Some(&shape) || dtype != DType::F32 {
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
