//! Safetensors files: the bytes of the file, and its header's JSON.

use std::path::{Path, PathBuf};

use burn::store::{BurnToPyTorchAdapter, ModuleSnapshot};
use burn::tensor::{DType, Device};
use mnist_burn::config::{Init, Model};
use mnist_burn::data::{ImageBatcher, Scaling};
use mnist_burn::device;
use mnist_burn::evaluation::classify;
use mnist_burn::model::Mlp;
use mnist_burn::model::weights;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use safetensors::SafeTensors;
use serde_json::{Value, json};

use super::mutator::{damage, damage_json, extreme, times};
use super::{Case, DEVICE, alone, each, folder, shown};

/// Memory for the network, for Burn's work besides, and for the check of the result.
const NETWORK: usize = 64 << 10;

/// The file in memory, Burn's copies of it and of each tensor, and the header as JSON, which is larger than its text.
const GROWTH: usize = 32;

const INPUTS: usize = 6;
const CLASSES: usize = 4;

/// The name and shape of each tensor, by name.
type Shapes = Vec<(String, Vec<usize>)>;

#[test]
fn damaged_models_have_the_shapes_of_the_network_or_are_refused() {
    check(5_000);
}

#[test]
fn matrix_of_countless_empty_rows_is_refused_at_once() {
    let _alone = alone();
    let networks = networks(&device());
    let (network, file, _) = &networks[0];
    let (mut header, mut numbers) = cut(file);
    let size = 4 * 5 * INPUTS;
    assert_eq!(header["hidden.0.weight"]["data_offsets"], json!([20, 20 + size]), "the bias comes first");
    header["hidden.0.weight"] = json!({ "dtype": "F32", "shape": [1_u64 << 62, 0], "data_offsets": [20, 20] });
    for part in ["output.bias", "output.weight"] {
        for offset in header[part]["data_offsets"].as_array_mut().unwrap() {
            *offset = json!(offset.as_u64().unwrap() - size as u64);
        }
    }
    numbers.drain(20..20 + size);
    let result = weights::from_bytes(network.clone(), &joined(&header, &numbers), Path::new("a.safetensors"));
    let message = result.unwrap_err().to_string();
    assert_eq!(
        message,
        "the model in a.safetensors does not fit this network: hidden.0.weight is [4611686018427387904, 0], not [5, 6]"
    );
}

#[test]
fn weights_of_another_type_are_refused() {
    let _alone = alone();
    let networks = networks(&device());
    let (network, file, _) = &networks[0];
    let (mut header, numbers) = cut(file);
    header["output.bias"]["dtype"] = json!("I32");
    let result = weights::from_bytes(network.clone(), &joined(&header, &numbers), Path::new("a.safetensors"));
    let message = result.unwrap_err().to_string();
    assert_eq!(message, "the model in a.safetensors does not fit this network: output.bias holds I32, not F32");
}

fn device() -> Device {
    device::open(DEVICE).unwrap().device
}

/// Small networks, with and without batch normalisation, each with its file and its shapes.
fn networks(device: &Device) -> Vec<(Mlp, Vec<u8>, Shapes)> {
    let configs = [(vec![5], false), (vec![5, 3], true), (vec![], false)];
    configs
        .map(|(hidden, batch_norm)| {
            let config = Model { hidden, batch_norm, ..Model::default() };
            let network = Mlp::new(&config, &Init::default(), INPUTS, CLASSES, Some(1), device);
            let bytes = weights::to_bytes(&network).unwrap();
            let shapes = shapes(&network);
            let computed: Vec<_> = Mlp::tensors(&config, INPUTS, CLASSES).into_iter().collect();
            assert_eq!(computed, shapes, "the shapes of a network that was not created");
            (network, bytes, shapes)
        })
        .into()
}

/// The name and shape of each tensor. All of them must be `f32`.
fn shapes(network: &Mlp) -> Shapes {
    let tensors = network.collect(None, Some(Box::new(BurnToPyTorchAdapter)), false);
    assert!(tensors.iter().all(|tensor| tensor.dtype == DType::F32));
    let mut shapes: Vec<_> = tensors.into_iter().map(|tensor| (tensor.name.clone(), tensor.shape.to_vec())).collect();
    shapes.sort();
    shapes
}

fn check(count: u64) {
    let device = device();
    let networks = networks(&device);
    let folder = folder();
    let path: PathBuf = folder.path().join("damaged.safetensors");
    let batcher = ImageBatcher::new(Scaling::UNIT);
    each(count, |generator| {
        let (network, sound, shapes) = &networks[generator.random_range(0..networks.len())];
        let donor = &networks[generator.random_range(0..networks.len())].1;
        let file = damaged(sound, donor, generator);
        std::fs::write(&path, &file).unwrap();
        let (network, path, device, batcher) = (network.clone(), path.clone(), &device, &batcher);
        Case {
            justified: NETWORK + GROWTH * file.len(),
            paths: vec![shown(&path)],
            read: move || {
                let bytes = weights::read(&path).map_err(|error| error.to_string())?;
                let loaded = weights::from_bytes(network, &bytes, &path).map_err(|error| error.to_string())?;
                assert_eq!(self::shapes(&loaded), *shapes);
                assert_same_numbers(&loaded, &path);
                // Weights that are NaN must be an error here, not a panic.
                let image = [9; INPUTS];
                let _ = classify(&loaded, batcher.images([image.as_slice()].into_iter(), device));
                Ok(())
            },
        }
    });
}

/// Fails if a tensor is not equal to the file's, bit by bit. One that was not loaded would still have its initial
/// values.
fn assert_same_numbers(loaded: &Mlp, path: &Path) {
    let file = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&file).unwrap();
    let tensors = loaded.collect(None, Some(Box::new(BurnToPyTorchAdapter)), false);
    assert_eq!(tensors.len(), file.len());
    for tensor in tensors {
        assert!(*tensor.to_bytes().unwrap() == *file.tensor(&tensor.name).unwrap().data(), "{}", tensor.name);
    }
}

/// The file with damaged bytes, a damaged header or values, or other tensors.
fn damaged(file: &[u8], donor: &[u8], generator: &mut ChaCha8Rng) -> Vec<u8> {
    let (mut header, mut numbers) = cut(file);
    match generator.random_range(0..7) {
        0 => {
            let mut file = file.to_vec();
            damage(&mut file, donor, generator);
            file
        }
        1 => {
            // NaN, infinite, or just another value.
            let pattern = [f32::NAN, f32::INFINITY, -f32::MAX, 1e-45][generator.random_range(0..4)];
            let at = 4 * generator.random_range(0..numbers.len() / 4);
            numbers[at..at + 4].copy_from_slice(&pattern.to_le_bytes());
            joined(&header, &numbers)
        }
        2 => {
            // The header is valid, but the rest is damaged.
            damage(&mut numbers, donor, generator);
            joined(&header, &numbers)
        }
        3 | 4 => with_others(&header, &numbers, generator),
        5 => {
            damage_json(&mut header, generator);
            let mut file = joined(&header, &numbers);
            file[..8].copy_from_slice(&extreme(generator).to_le_bytes());
            file
        }
        _ => {
            for _ in 0..times(generator) {
                damage_json(&mut header, generator);
            }
            joined(&header, &numbers)
        }
    }
}

/// A valid file in which one tensor has another type, shape or name, or is missing.
fn with_others(header: &Value, numbers: &[u8], generator: &mut ChaCha8Rng) -> Vec<u8> {
    let mut tensors: Vec<(String, String, Vec<u64>, Vec<u8>)> = vec![];
    for (name, tensor) in header.as_object().unwrap().iter().filter(|(name, _)| *name != "__metadata__") {
        let offset = |index: usize| tensor["data_offsets"][index].as_u64().unwrap() as usize;
        let shape = tensor["shape"].as_array().unwrap().iter().map(|side| side.as_u64().unwrap()).collect();
        tensors.push((name.clone(), "F32".into(), shape, numbers[offset(0)..offset(1)].to_vec()));
    }
    let at = generator.random_range(0..tensors.len());
    let (name, dtype, shape, data) = &mut tensors[at];
    match generator.random_range(0..7) {
        0 | 1 => {
            let types = [("F64", 64), ("F16", 16), ("BF16", 16), ("I32", 32), ("U8", 8), ("BOOL", 8), ("F8_E5M2", 8)];
            let (other, bits) = types[generator.random_range(0..types.len())];
            *dtype = other.into();
            data.resize(data.len() / 4 * bits / 8, 1);
        }
        2 => shape.reverse(),
        3 => shape.push(1),
        4 => (*shape, *data) = (vec![0, extreme(generator)], vec![]),
        5 => name.push('2'),
        _ => drop(tensors.remove(at)),
    }
    let (mut header, mut numbers) = (json!({}), vec![]);
    for (name, dtype, shape, data) in tensors {
        let end = numbers.len() + data.len();
        header[name] = json!({ "dtype": dtype, "shape": shape, "data_offsets": [numbers.len(), end] });
        numbers.extend(data);
    }
    joined(&header, &numbers)
}

/// The header of a valid file and the values after it.
fn cut(file: &[u8]) -> (Value, Vec<u8>) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    let (header, numbers) = file[8..].split_at(length);
    (serde_json::from_slice(header).unwrap(), numbers.to_vec())
}

fn joined(header: &Value, numbers: &[u8]) -> Vec<u8> {
    let header = header.to_string();
    [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), numbers].concat()
}
