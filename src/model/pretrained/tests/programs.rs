//! Files as other programs write them: their formats, their numbers, and what they put before the names.

use super::*;

/// The files in a ZIP archive without compression.
fn zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut archive, mut directory) = (vec![], vec![]);
    for (name, content) in files {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let (offset, size) = ((archive.len() as u32).to_le_bytes(), (content.len() as u32).to_le_bytes());
        let length = (name.len() as u16).to_le_bytes();
        // Versions, flags, method and time; the sum and both sizes; the lengths of the name and of the extra field.
        let about =
            [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &crc.sum().to_le_bytes(), &size, &size, &length, &[0; 2]].concat();
        archive.extend([b"PK\x03\x04", &about[..], name.as_bytes(), content].concat());
        directory.extend([b"PK\x01\x02\x14\0", &about[..], &[0; 10], &offset, name.as_bytes()].concat());
    }
    let counts = (files.len() as u16).to_le_bytes().repeat(2);
    let (size, start) = ((directory.len() as u32).to_le_bytes(), (archive.len() as u32).to_le_bytes());
    [&archive[..], &directory, b"PK\x05\x06\0\0\0\0", &counts, &size, &start, &[0; 2]].concat()
}

/// A file of PyTorch's `torch.save` with dictionaries of tensors at these keys, one within the other, each with its
/// storage class and its tensors.
fn pytorch(networks: &[(&[&str], &str, &BTreeMap<String, Stored>)]) -> Vec<u8> {
    let text = |text: &str| [b"X", &(text.len() as u32).to_le_bytes()[..], text.as_bytes()].concat();
    let tuple = |numbers: &[usize]| {
        let numbers = numbers.iter().flat_map(|&number| [b"J", &(number as u32).to_le_bytes()[..]].concat());
        [b"(".to_vec(), numbers.collect(), b"t".to_vec()].concat()
    };
    let mut files = vec![("a/version".to_string(), b"3\n".to_vec())];
    // The epoch as other tools keep it beside the weights.
    let mut pickle = [b"\x80\x02}(", &text("epoch")[..], b"K\x07"].concat();
    for (keys, class, tensors) in networks {
        keys.iter().for_each(|key| pickle.extend([&text(key)[..], b"}("].concat()));
        for (name, tensor) in *tensors {
            let key = files.len().to_string();
            let strides: Vec<usize> =
                (1..=tensor.shape.len()).map(|axis| tensor.shape[axis..].iter().product()).collect();
            pickle.extend(text(name));
            pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
            pickle.extend(
                [text("storage"), format!("ctorch\n{class}Storage\n").into(), text(&key), text("cpu")].concat(),
            );
            let values = tuple(&[tensor.shape.iter().product()]);
            pickle.extend([&values[1..], b"QK\0", &tuple(&tensor.shape), &tuple(&strides)].concat());
            pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
            files.push((format!("a/data/{key}"), tensor.bytes.clone()));
        }
        pickle.extend(b"u".repeat(keys.len()));
    }
    pickle.extend(b"u.");
    files.push(("a/data.pkl".into(), pickle));
    zip(&files)
}

/// The weights of seed 7 for the layer `[5]`, with their names changed and their values as `bytes` of other floats.
fn stored(names: impl Fn(&str) -> String, bytes: impl Fn(f32) -> Vec<u8>) -> BTreeMap<String, Stored> {
    let there = weights::to_bytes(&network(&experiment(&[5], Path::new("")), 4, 7)).unwrap();
    let other = |(name, tensor): (String, Stored)| {
        let numbers = tensor.bytes.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value));
        (names(&name), Stored { bytes: numbers.flat_map(&bytes).collect(), ..tensor })
    };
    tensors::from_safetensors(&there, Path::new("")).unwrap().into_iter().map(other).collect()
}

fn same(value: f32) -> Vec<u8> {
    value.to_le_bytes().into()
}

#[test]
fn weights_of_other_floats_are_converted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.ckpt");
    let of = |class, bytes: fn(f32) -> Vec<u8>| {
        fs::write(&path, pytorch(&[(&[], class, &stored(str::to_string, bytes))])).unwrap();
        tensors(&started(&experiment(&[5], &path), 4).unwrap().0)["hidden.0.weight"].clone()
    };
    let expected = of("Float", same);
    assert_eq!(of("Double", |value| f64::from(value).to_le_bytes().into()), expected);
    let rounded = |digits: u32| -> Vec<u8> {
        let numbers = expected.as_chunks().0.iter().map(|value| f32::from_le_bytes(*value).to_bits());
        // Rounded to even.
        let bits = |bits: u32| (bits + (1 << (digits - 1)) - 1 + (bits >> digits & 1)) >> digits << digits;
        numbers.flat_map(|number| bits(number).to_le_bytes()).collect()
    };
    assert_eq!(of("BFloat16", |value| half::bf16::from_f32(value).to_le_bytes().into()), rounded(16));
    assert_eq!(of("Half", |value| half::f16::from_f32(value).to_le_bytes().into()), rounded(13));
    fs::write(&path, pytorch(&[(&[], "Int", &stored(str::to_string, same))])).unwrap();
    let message = refusal(&experiment(&[5], &path), 4);
    assert!(message.contains("hidden.0.bias holds I32, not F32"), "{message}");
}

#[test]
fn checkpoints_and_wrappers_are_seen_through() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("last.pth.tar");
    let expected = tensors(&network(&experiment(&[5], &path), 4, 7));
    let optimizer = stored(|name| format!("0.{}", name.len()), same);
    for (keys, prefix) in
        [(&["state_dict"][..], ""), (&["model"], "module."), (&[], "_orig_mod."), (&["a", "b"], "model.network.")]
    {
        let weights = stored(|name| format!("{prefix}{name}"), same);
        fs::write(&path, pytorch(&[(keys, "Float", &weights), (&["optimizer"], "Float", &optimizer)])).unwrap();
        let (found, record) = started(&experiment(&[5], &path), 4).unwrap();
        assert_eq!((tensors(&found), record.taken), (expected.clone(), vec!["hidden.0".into(), "output".into()]));
        assert!(record.unused.iter().all(|name| name.starts_with("optimizer.")), "{:?}", record.unused);
    }
    // With names of another program, which init.rename knows.
    let weights = stored(|name| name.replace("hidden.0", "fc1").replace("output", "fc2"), same);
    fs::write(&path, pytorch(&[(&["state_dict"], "Float", &weights)])).unwrap();
    let mut renamed = experiment(&[5], &path);
    renamed.init.rename = [("fc1", "hidden.0"), ("fc2", "output")].map(|(a, b)| (a.into(), b.into())).into();
    assert_eq!(tensors(&started(&renamed, 4).unwrap().0), expected);
    let message = refusal(&experiment(&[5], &path), 4);
    assert!(message.contains("hidden.0.weight [5, 6] is missing; "), "{message}");
    assert!(
        message.contains("the other tensors in the file: state_dict.fc1.bias [5]; state_dict.fc1.weight [5, 6]; "),
        "{message}"
    );
}

#[test]
fn file_with_several_networks_is_refused_until_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("both.pt");
    let (one, other) = (stored(str::to_string, same), stored(str::to_string, |value| same(-value)));
    fs::write(&path, pytorch(&[(&["ema"], "Float", &one), (&["model"], "Float", &other)])).unwrap();
    let mut experiment = experiment(&[5], &path);
    let message = refusal(&experiment, 4);
    assert!(
        message.ends_with("has several networks: ema., model.; rename the layers of one with init.rename"),
        "{message}"
    );
    let names = [("ema.hidden.0", "hidden.0"), ("ema.output", "output")].map(|(a, b)| (a.into(), b.into()));
    experiment.init.rename = names.into();
    assert_eq!(tensors(&started(&experiment, 4).unwrap().0), tensors(&network(&experiment, 4, 7)));
}

#[test]
fn content_decides_the_format_and_others_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.safetensors");
    fs::write(&path, pytorch(&[(&[], "Float", &stored(str::to_string, same))])).unwrap();
    assert_eq!(started(&experiment(&[5], &path), 4).unwrap().1.taken, ["hidden.0", "output"]);
    let there = path.with_extension("pt");
    fs::copy(file(&folder, &[5], 4), &there).unwrap();
    assert_eq!(started(&experiment(&[5], &there), 4).unwrap().1.taken, ["hidden.0", "output"]);
    let script = zip(&["a/constants.pkl", "a/data.pkl"].map(|name| (name.to_string(), b"\x80\x02}.".to_vec())));
    let keras = zip(&[("config.json".into(), b"{}".to_vec()), ("model.weights.h5".into(), vec![])]);
    for (bytes, said) in [
        (script, "it is a TorchScript program: save its weights instead, torch.save(model.state_dict(), path)"),
        (keras, "it is a model of Keras: save its weights as safetensors"),
        (b"\x89HDF\r\n\x1a\n and more".to_vec(), "it is an HDF5 file, as Keras writes"),
        (b"no weights at all".to_vec(), "it is not a safetensors file, and as PyTorch's: invalid PyTorch file format"),
    ] {
        fs::write(&path, bytes).unwrap();
        let message = refusal(&experiment(&[5], &path), 4);
        assert!(message.contains(said), "{message}");
    }
}
