//! Named tensors in a file from any program: by its content, safetensors, or the format of PyTorch's `torch.save`.

use std::collections::{BTreeMap, HashMap};
use std::{io::Write, path::Path};

use half::{bf16, f16};
use pytorch_reader::{PytorchReader, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use super::weights::WeightsError;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The type of its values by its name in safetensors, such as `F32`.
    pub kind: String,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

impl Stored {
    pub fn values(&self) -> Vec<f32> {
        self.bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value)).collect()
    }

    /// The tensor with `f32` values rounded to half precision.
    pub fn into_f16(self) -> Self {
        if self.kind != "F32" {
            return self;
        }
        let bytes = self.values().into_iter().flat_map(|value| f16::from_f32(value).to_le_bytes()).collect();
        Self { kind: "F16".into(), bytes, ..self }
    }

    /// The tensor with its values as `f32`, if they are other floats. Only those of 64 bits lose anything.
    pub fn into_f32(self) -> Self {
        fn each<const N: usize>(bytes: &[u8], number: impl Fn([u8; N]) -> f32) -> Vec<u8> {
            bytes.as_chunks().0.iter().flat_map(|value| number(*value).to_le_bytes()).collect()
        }
        let bytes = match self.kind.as_str() {
            "F16" => each(&self.bytes, |value| f16::from_le_bytes(value).to_f32()),
            "BF16" => each(&self.bytes, |value| bf16::from_le_bytes(value).to_f32()),
            "F64" => each(&self.bytes, |value| f64::from_le_bytes(value) as f32),
            _ => return self,
        };
        Self { kind: "F32".into(), bytes, ..self }
    }
}

/// Files of other formats: how they begin, or what a ZIP archive of this format has near its end; and what they are.
const FOREIGN: [(&[u8], &str); 3] = [
    (b"/constants.pkl", "it is a TorchScript program: save its weights instead, torch.save(model.state_dict(), path)"),
    (b"model.weights.h5", "it is a model of Keras: save its weights as safetensors"),
    (b"\x89HDF\r\n", "it is an HDF5 file, as Keras writes: save its weights as safetensors"),
];

pub fn from_bytes(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Stored>, WeightsError> {
    let directory = &bytes[bytes.len().saturating_sub(1 << 16)..];
    let is_in_zip = |mark: &[u8]| bytes.starts_with(b"PK") && directory.windows(mark.len()).any(|part| part == mark);
    if let Some((_, what)) = FOREIGN.iter().find(|(mark, _)| bytes.starts_with(mark) || is_in_zip(mark)) {
        return Err(WeightsError::load(path, what));
    }
    // A safetensors file has a JSON object after the eight bytes of its length.
    if bytes.get(8) == Some(&b'{') { from_safetensors(bytes, path) } else { from_pytorch(bytes, path) }
}

pub fn from_safetensors(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Stored>, WeightsError> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| WeightsError::load(path, error))?;
    let stored = |(name, view): (&str, TensorView)| {
        let (kind, shape) = (view.dtype().to_string(), view.shape().to_vec());
        (name.to_string(), Stored { kind, shape, bytes: view.data().to_vec() })
    };
    Ok(file.iter().map(stored).collect())
}

/// The safetensors file `bytes`, read from `path`, with weights in half precision: half the size, similar predictions.
pub fn to_half(bytes: &[u8], path: &Path) -> Result<Vec<u8>, WeightsError> {
    let stored = from_safetensors(bytes, path)?;
    to_safetensors(&stored.into_iter().map(|(name, it)| (name, it.into_f16())).collect(), path)
}

/// The same, with those tensors only whose names `is_wanted`.
pub fn only(bytes: &[u8], is_wanted: impl Fn(&str) -> bool, path: &Path) -> Result<Vec<u8>, WeightsError> {
    let mut stored = from_safetensors(bytes, path)?;
    stored.retain(|name, _| is_wanted(name));
    to_safetensors(&stored, path)
}

/// The same with `f32` in place of half precision, in which Burn would load the weights otherwise.
pub fn to_single(bytes: Vec<u8>, path: &Path) -> Result<Vec<u8>, WeightsError> {
    let stored = from_safetensors(&bytes, path)?;
    if !stored.values().any(|tensor| tensor.kind == "F16") {
        return Ok(bytes);
    }
    to_safetensors(&stored.into_iter().map(|(name, it)| (name, it.into_f32())).collect(), path)
}

/// A safetensors file of tensors that are each of `f16` or `f32`. An error names the file `path`.
pub fn to_safetensors(tensors: &BTreeMap<String, Stored>, path: &Path) -> Result<Vec<u8>, WeightsError> {
    let views = tensors.iter().map(|(name, it)| {
        let kind = if it.kind == "F16" { Dtype::F16 } else { Dtype::F32 };
        Ok((name, TensorView::new(kind, it.shape.clone(), &it.bytes)?))
    });
    let views = views.collect::<Result<Vec<_>, _>>();
    // PyTorch reads this entry.
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    let file = views.and_then(|views| safetensors::serialize(views, Some(metadata)));
    file.map_err(|error| WeightsError::load(path, error))
}

/// Burn's reader runs no code from the file. Burn's store around it would need a module with equal names and shapes.
fn from_pytorch(bytes: &[u8], path: &Path) -> Result<BTreeMap<String, Stored>, WeightsError> {
    // The reader needs a file, and the one at `path` may have changed since it was read.
    let copy = tempfile::NamedTempFile::new().and_then(|mut copy| copy.write_all(bytes).map(|()| copy));
    let copy = copy.map_err(|error| WeightsError::load(path, error))?;
    let unreadable = |error| format!("it is not a safetensors file, and as PyTorch's: {error}");
    let file = PytorchReader::new(copy.path()).map_err(|error| WeightsError::load(path, unreadable(error)))?;
    // Tensors can share values, but a small file must not expand into a lot of memory.
    if file.tensors().values().map(Tensor::byte_len).fold(0, usize::saturating_add) > bytes.len() {
        return Err(WeightsError::load(path, "its tensors are larger than the file"));
    }
    let stored = |(name, tensor): (String, Tensor)| {
        let kind = format!("{:?}", tensor.dtype()).to_uppercase();
        let bytes = tensor.read().map_err(|error| WeightsError::load(path, error))?;
        Ok((name, Stored { kind, shape: tensor.shape().to_vec(), bytes }))
    };
    file.into_tensors().into_iter().map(stored).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    fn outside() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/weights/outside.pt")
    }

    #[test]
    fn state_dict_tensors_have_their_names_shapes_and_types() {
        let found = from_bytes(&fs::read(outside()).unwrap(), &outside()).unwrap();
        let listed: Vec<_> =
            found.iter().map(|(name, it)| (name.as_str(), it.kind.as_str(), it.shape.as_slice())).collect();
        let expected: [(&str, &str, &[usize]); 9] = [
            ("bn1.bias", "F32", &[5]),
            ("bn1.num_batches_tracked", "I64", &[]),
            ("bn1.running_mean", "F32", &[5]),
            ("bn1.running_var", "F32", &[5]),
            ("bn1.weight", "F32", &[5]),
            ("fc1.bias", "F32", &[5]),
            ("fc1.weight", "F32", &[5, 6]),
            ("fc2.bias", "F32", &[4]),
            ("fc2.weight", "F32", &[4, 5]),
        ];
        assert_eq!(listed, expected);
    }

    #[test]
    fn damaged_pytorch_file_is_read_within_its_size_or_refused() {
        let (whole, path) = (fs::read(outside()).unwrap(), Path::new("damaged.pt"));
        let (mut changed, mut refused) = (0, 0);
        for at in (0..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x81;
            changed += 1;
            match from_bytes(&bytes, path) {
                Ok(found) => assert!(found.values().all(|tensor| tensor.bytes.len() <= whole.len()), "{at}"),
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains("damaged.pt: "), "{error}");
                }
            }
        }
        assert!(refused > changed / 4, "{refused} of {changed}: the damage is too mild");
    }
}
