//! PyTorch's files of a state dict, as `torch.save` writes them since version 1.6: a zip archive, not compressed, of
//! `<name>/data.pkl`, which describes the tensors, and of `<name>/data/<key>`, the numbers of each storage.
//!
//! Older files, and whole modules in place of their state dicts, are refused. All that a file says about sizes is held
//! against the sizes of what is there, so that reading it takes no more memory than twice its size.

use std::collections::BTreeMap;

use super::Stored;
use super::pickle::{self, Described};

/// The tensors in the content of such a file; those nested in other dicts have names with dots.
///
/// # Errors
/// In words, if it is none.
pub fn tensors(file: &[u8]) -> Result<BTreeMap<String, Stored>, String> {
    let entries = entries(file)?;
    let root = entries.keys().find_map(|name| name.strip_suffix("data.pkl"));
    let root = root.ok_or("it has no data.pkl: save it with torch.save(model.state_dict(), ...)")?;
    if entries.get(&format!("{root}byteorder")).is_some_and(|order| *order != b"little") {
        return Err("its numbers begin with the highest byte: save it on another machine".into());
    }
    let mut left = file.len();
    let mut tensors = BTreeMap::new();
    for (name, described) in pickle::tensors(entries[&format!("{root}data.pkl")])? {
        let kind = kind(&described.kind);
        let bytes = if kind == "F32" {
            let storage = entries.get(&format!("{root}data/{}", described.key));
            let storage = storage.ok_or_else(|| format!("the numbers of {name} are missing"))?;
            let bytes = gathered(&described, storage).ok_or_else(|| format!("{name} is larger than its numbers"))?;
            // Tensors can share numbers, but not so that a small file becomes a large one.
            left = left.checked_sub(bytes.len()).ok_or("its tensors are larger than the file")?;
            bytes
        } else {
            vec![]
        };
        tensors.insert(name, Stored { kind: kind.into(), shape: described.shape, bytes });
    }
    Ok(tensors)
}

/// What safetensors calls the numbers of a storage.
fn kind(storage: &str) -> &str {
    match storage.strip_prefix("torch ").unwrap_or(storage) {
        "FloatStorage" => "F32",
        "DoubleStorage" => "F64",
        "HalfStorage" => "F16",
        "BFloat16Storage" => "BF16",
        "LongStorage" => "I64",
        "IntStorage" => "I32",
        "ShortStorage" => "I16",
        "CharStorage" => "I8",
        "ByteStorage" => "U8",
        "BoolStorage" => "BOOL",
        other => other,
    }
}

/// The files in the archive.
fn entries(file: &[u8]) -> Result<BTreeMap<String, &[u8]>, String> {
    let unreadable = |error: rawzip::Error| format!("it is no whole file of torch.save: {error}");
    let archive = rawzip::ZipArchive::from_slice(file).map_err(unreadable)?;
    let mut found = BTreeMap::new();
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(unreadable)? {
        let name = String::from_utf8_lossy(entry.file_path().as_ref()).into_owned();
        if entry.compression_method() != rawzip::CompressionMethod::STORE {
            return Err(format!("{} in it is compressed, which torch.save never does", name.escape_debug()));
        }
        let local = archive.get_entry(entry.wayfinder()).map_err(unreadable)?;
        let (start, end) = local.compressed_data_range();
        let data =
            usize::try_from(start).ok().zip(usize::try_from(end).ok()).and_then(|(start, end)| file.get(start..end));
        let data = data.ok_or("it ends before its last tensor")?;
        // PyTorch can be told to leave the checksums out.
        if entry.crc32() != 0 && rawzip::crc32(data) != entry.crc32() {
            return Err(format!("{} in it is damaged: it does not have its checksum", name.escape_debug()));
        }
        found.insert(name, data);
    }
    Ok(found)
}

/// The numbers of a tensor row by row, out of the storage that it is a view of; none if it would reach beyond.
fn gathered(described: &Described, storage: &[u8]) -> Option<Vec<u8>> {
    let Described { offset, shape, strides, .. } = described;
    let count = shape.iter().try_fold(1usize, |count, &side| count.checked_mul(side))?;
    if strides.len() != shape.len() || count > storage.len() / 4 {
        return None;
    }
    let mut bytes = Vec::with_capacity(4 * count);
    for index in 0..count {
        let (mut rest, mut at) = (index, *offset);
        for (&side, &stride) in shape.iter().zip(strides).rev() {
            at = at.checked_add((rest % side).checked_mul(stride)?)?;
            rest /= side;
        }
        bytes.extend_from_slice(storage.get(at.checked_mul(4)?..)?.get(..4)?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write;

    use super::*;

    const OUTSIDE: &[u8] = include_bytes!("../../tests/weights/outside.pt");

    /// An archive with these files.
    fn archive(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
        let mut bytes = vec![];
        let mut archive = rawzip::ZipArchiveWriter::new(&mut bytes);
        for (name, data) in files {
            let (mut entry, config) = archive.new_file(name).start().unwrap();
            let mut writer = config.wrap(&mut entry);
            writer.write_all(data).unwrap();
            let (_, descriptor) = writer.finish().unwrap();
            entry.finish(descriptor).unwrap();
        }
        archive.finish().unwrap();
        bytes
    }

    fn outside() -> BTreeMap<String, Vec<u8>> {
        entries(OUTSIDE).unwrap().into_iter().map(|(name, data)| (name, data.to_vec())).collect()
    }

    /// PyTorch's file, changed.
    fn refusal(change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> String {
        let mut files = outside();
        change(&mut files);
        tensors(&archive(&files)).unwrap_err()
    }

    #[test]
    fn the_tensors_of_a_state_dict_have_their_shapes_and_types() {
        let found = tensors(OUTSIDE).unwrap();
        assert_eq!(tensors(&archive(&outside())).unwrap(), found);
        let told: Vec<_> =
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
        assert_eq!(told, expected);
    }

    #[test]
    fn a_view_is_gathered_from_its_storage_and_never_from_beyond() {
        let storage: Vec<u8> = (0..6u8).flat_map(|number| f32::from(number).to_le_bytes()).collect();
        let view = |offset, shape: &[usize], strides: &[usize]| {
            let (kind, key) = (String::new(), String::new());
            let described = Described { kind, key, offset, shape: shape.into(), strides: strides.into() };
            let bytes = gathered(&described, &storage)?;
            Some(bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect::<Vec<_>>())
        };
        assert_eq!(view(0, &[2, 3], &[3, 1]), Some(vec![0.0, 1.0, 2.0, 3.0, 4.0, 5.0]));
        assert_eq!(view(0, &[3, 2], &[1, 3]), Some(vec![0.0, 3.0, 1.0, 4.0, 2.0, 5.0]), "the transpose");
        assert_eq!(view(1, &[2], &[2]), Some(vec![1.0, 3.0]));
        assert_eq!(view(5, &[], &[]), Some(vec![5.0]));
        assert_eq!(view(0, &[0, 9], &[9, 1]), Some(vec![]));
        for (offset, shape, strides) in
            [(1, vec![6], vec![1]), (0, vec![7], vec![0]), (0, vec![2], vec![usize::MAX]), (0, vec![2], vec![])]
        {
            assert_eq!(view(offset, &shape, &strides), None, "{shape:?}");
        }
        assert_eq!(view(0, &[usize::MAX, 2], &[0, 0]), None);
    }

    #[test]
    fn what_is_missing_or_does_not_fit_is_told() {
        assert!(refusal(|it| _ = it.remove("outside/data.pkl")).starts_with("it has no data.pkl"));
        assert_eq!(refusal(|it| _ = it.remove("outside/data/0")), "the numbers of fc1.weight are missing");
        let cut = |it: &mut BTreeMap<String, Vec<u8>>| it.get_mut("outside/data/0").unwrap().truncate(116);
        assert_eq!(refusal(cut), "fc1.weight is larger than its numbers");
        assert!(refusal(|it| _ = it.insert("outside/byteorder".into(), b"big".into())).contains("the highest byte"));
    }

    #[test]
    fn a_changed_byte_of_the_numbers_is_noticed() {
        let mut bytes = OUTSIDE.to_vec();
        let data = entries(OUTSIDE).unwrap()["outside/data/0"];
        let at = data.as_ptr() as usize - OUTSIDE.as_ptr() as usize;
        bytes[at + 7] ^= 1;
        assert_eq!(tensors(&bytes).unwrap_err(), "outside/data/0 in it is damaged: it does not have its checksum");
    }

    #[test]
    fn no_damage_to_the_description_makes_a_panic_or_a_large_tensor() {
        let files = outside();
        let pickle = &files["outside/data.pkl"];
        let mut refused = 0;
        for at in 0..pickle.len() {
            for change in [1, 0x10, 0x80, 0xff] {
                let mut files = files.clone();
                files.get_mut("outside/data.pkl").unwrap()[at] ^= change;
                match tensors(&archive(&files)) {
                    Ok(found) => assert!(found.values().all(|tensor| tensor.bytes.len() <= 120), "{at}"),
                    Err(_) => refused += 1,
                }
            }
            let mut files = files.clone();
            files.get_mut("outside/data.pkl").unwrap().truncate(at);
            assert!(tensors(&archive(&files)).is_err(), "{at}");
        }
        assert!(refused > pickle.len(), "{refused} of {}: the damage is too mild", 4 * pickle.len());
    }
}
