//! Damages bytes and JSON.

use rand::RngExt;
use rand::seq::IndexedRandom;
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

/// Numbers on which arithmetic breaks.
const EXTREMES: [u64; 14] = [
    0,
    1,
    2,
    255,
    256,
    0xffff,
    1 << 24,
    i32::MAX as u64,
    1 << 31,
    u32::MAX as u64,
    1 << 32,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Damages `bytes` one to three times. `donor` is another file of the same kind.
pub fn damage(bytes: &mut Vec<u8>, donor: &[u8], generator: &mut ChaCha8Rng) {
    for _ in 0..times(generator) {
        match generator.random_range(0..8) {
            0 => flip_a_bit(bytes, generator),
            1 => change_a_byte(bytes, generator),
            2 => bytes.truncate(position(bytes, generator)),
            3 => {
                let at = position(bytes, generator);
                let run: Vec<u8> = (0..generator.random_range(1..20)).map(|_| generator.random()).collect();
                bytes.splice(at..at, run);
            }
            4 => {
                let start = position(bytes, generator);
                bytes.drain(start..(start + generator.random_range(1..20)).min(bytes.len()));
            }
            5 => {
                let (from, to) = (position(donor, generator), position(bytes, generator));
                let part = &donor[from..(from + generator.random_range(1..200)).min(donor.len())];
                bytes.splice(to..to, part.iter().copied());
            }
            6 => bytes.extend_from_slice(donor),
            _ => put_an_extreme(bytes, generator),
        }
    }
}

/// The number of changes. It is mostly 1, so that some damage is harmless.
pub fn times(generator: &mut ChaCha8Rng) -> usize {
    *[1, 1, 1, 2, 3].choose(generator).unwrap()
}

fn flip_a_bit(bytes: &mut [u8], generator: &mut ChaCha8Rng) {
    let bit = 1 << generator.random_range(0..8);
    if let Some(byte) = any(bytes, generator) {
        *byte ^= bit;
    }
}

fn change_a_byte(bytes: &mut [u8], generator: &mut ChaCha8Rng) {
    let value = *[0, 1, 0x7f, 0x80, 0xff, b'{', b'"', b'\n', generator.random()].choose(generator).unwrap();
    if let Some(byte) = any(bytes, generator) {
        *byte = value;
    }
}

/// Overwrites a field of a header, of 4 or 8 bytes, in either byte order.
fn put_an_extreme(bytes: &mut [u8], generator: &mut ChaCha8Rng) {
    let number = extreme(generator);
    let field = match generator.random_range(0..4) {
        0 => number.to_be_bytes().to_vec(),
        1 => number.to_le_bytes().to_vec(),
        2 => (number as u32).to_be_bytes().to_vec(),
        _ => (number as u32).to_le_bytes().to_vec(),
    };
    let at = 4 * generator.random_range(0..4);
    if let Some(target) = bytes.get_mut(at..at + field.len()) {
        target.copy_from_slice(&field);
    }
}

/// A number on which arithmetic breaks, or one near it.
pub fn extreme(generator: &mut ChaCha8Rng) -> u64 {
    EXTREMES.choose(generator).unwrap().wrapping_add(generator.random_range(0..3)).wrapping_sub(1)
}

fn any<'a>(bytes: &'a mut [u8], generator: &mut ChaCha8Rng) -> Option<&'a mut u8> {
    // Half of the damage is where headers are.
    let end = if generator.random() { bytes.len() } else { bytes.len().min(32) };
    (end > 0).then(|| &mut bytes[generator.random_range(0..end)])
}

fn position(bytes: &[u8], generator: &mut ChaCha8Rng) -> usize {
    generator.random_range(0..=bytes.len())
}

/// Replaces, removes or renames one value somewhere in `json`.
pub fn damage_json(json: &mut Value, generator: &mut ChaCha8Rng) {
    // Mostly descends into one of its parts.
    let deeper = generator.random_ratio(4, 5);
    match json {
        Value::Object(fields) if deeper && !fields.is_empty() => {
            let name = fields.keys().nth(generator.random_range(0..fields.len())).unwrap().clone();
            match generator.random_range(0..10) {
                0 => drop(fields.remove(&name)),
                1 => {
                    let value = fields.remove(&name).unwrap();
                    fields.insert(format!("{name}\u{1b}[2J\u{e9}"), value);
                }
                2 => {
                    let value = fields[&name].clone();
                    fields.insert("hidden.7.weight".into(), value);
                }
                _ => damage_json(&mut fields[&name], generator),
            }
        }
        Value::Array(items) if deeper && !items.is_empty() => {
            let index = generator.random_range(0..items.len());
            match generator.random_range(0..10) {
                0 => drop(items.remove(index)),
                1 => items.insert(index, json!(extreme(generator))),
                _ => damage_json(&mut items[index], generator),
            }
        }
        value => *value = strange(value, generator),
    }
}

fn strange(value: &Value, generator: &mut ChaCha8Rng) -> Value {
    let words = ["F64", "F16", "BF16", "I32", "U8", "BOOL", "F8_E4M3", "F4", "C64", "", "auto", "\u{0}", "wgpu:99"];
    match generator.random_range(0..8) {
        0 => Value::Null,
        1 => json!(*words.choose(generator).unwrap()),
        2 => json!(-1),
        3 => json!([]),
        4 => json!([extreme(generator), extreme(generator)]),
        5 => json!(1e300),
        6 => json!({ "a": value }),
        _ => json!(extreme(generator)),
    }
}
