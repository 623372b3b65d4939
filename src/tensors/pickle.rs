//! Python's pickle, as far as a state dict needs it.
//!
//! A pickle is a program for a machine with a stack. Python's calls whatever the program names; this one knows the few
//! calls that make up a state dict, and what any other would give is a value that nothing can be made of. Protocols 2 to 5:
//! <https://docs.python.org/3/library/pickletools.html>.

use std::collections::BTreeMap;
use std::rc::Rc;

/// A tensor as it is described: a view of a storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    /// The class of the storage, with its module: `torch FloatStorage`.
    pub kind: String,
    /// The storage's key.
    pub key: String,
    /// Where the view begins, in numbers.
    pub offset: usize,
    /// How many numbers along each axis.
    pub shape: Vec<usize>,
    /// The distance of neighbours along each axis, in numbers.
    pub strides: Vec<usize>,
}

/// What stands on the stack.
#[derive(Debug, Clone)]
enum Value {
    Number(i64),
    Text(Rc<str>),
    /// A function or class, with its module.
    Global(Rc<str>),
    /// Of values that are no tuples of tuples themselves: nothing here needs more.
    Tuple(Rc<[Value]>, usize),
    Storage {
        kind: Rc<str>,
        key: Rc<str>,
    },
    Tensor(Rc<Described>),
    /// Its tensors, those of dicts in it under names with dots.
    Dict(BTreeMap<String, Rc<Described>>),
    Mark,
    /// Anything else.
    Other,
}

/// How deep tuples are looked into; deeper ones are no part of a tensor.
const DEEPEST: usize = 4;

/// The longest name of a tensor in a dict of dicts, in bytes; longer ones, as endless nesting makes them, are passed over.
const LONGEST: usize = 1000;

/// The tensors that a pickle describes, by name.
///
/// # Errors
/// In words, if it is no pickle of a dict.
pub fn tensors(pickle: &[u8]) -> Result<BTreeMap<String, Described>, String> {
    let mut machine = Machine { rest: pickle, stack: vec![], memo: BTreeMap::new() };
    match machine.run() {
        Some(Value::Dict(tensors)) => {
            Ok(tensors.into_iter().map(|(name, tensor)| (name, Rc::unwrap_or_clone(tensor))).collect())
        }
        Some(_) => Err("it holds no dict of tensors: save it with torch.save(model.state_dict(), ...)".into()),
        None => Err("its data.pkl is damaged, or holds more than a dict of tensors".into()),
    }
}

struct Machine<'a> {
    rest: &'a [u8],
    stack: Vec<Value>,
    memo: BTreeMap<u32, Value>,
}

impl<'a> Machine<'a> {
    /// What the program leaves on the stack at its end; none if it is none that is understood.
    fn run(&mut self) -> Option<Value> {
        loop {
            let [opcode] = self.take()?;
            match opcode {
                b'.' => return self.stack.pop(),
                // PROTO and FRAME
                0x80 => _ = self.take::<1>()?,
                0x95 => _ = self.take::<8>()?,
                b'(' => self.stack.push(Value::Mark),
                b'N' | 0x88 | 0x89 | b']' => self.stack.push(Value::Other),
                b'}' => self.stack.push(Value::Dict(BTreeMap::new())),
                b'G' => {
                    self.take::<8>()?;
                    self.stack.push(Value::Other);
                }
                b'K' => {
                    let [byte] = self.take()?;
                    self.stack.push(Value::Number(byte.into()));
                }
                b'M' => {
                    let bytes = self.take()?;
                    self.stack.push(Value::Number(u16::from_le_bytes(bytes).into()));
                }
                b'J' => {
                    let bytes = self.take()?;
                    self.stack.push(Value::Number(i32::from_le_bytes(bytes).into()));
                }
                0x8a => {
                    let [length] = self.take()?;
                    let bytes = self.take_slice(length.into())?;
                    self.stack.push(long(bytes));
                }
                b'X' => {
                    let length = u32::from_le_bytes(self.take()?);
                    self.text(length as usize)?;
                }
                // SHORT_BINUNICODE and SHORT_BINSTRING
                0x8c | b'U' => {
                    let [length] = self.take()?;
                    self.text(length.into())?;
                }
                b'c' => {
                    let (module, name) = (self.line()?, self.line()?);
                    self.stack.push(Value::Global(format!("{module} {name}").into()));
                }
                0x93 => {
                    let (Value::Text(name), Value::Text(module)) = (self.stack.pop()?, self.stack.pop()?) else {
                        return None;
                    };
                    self.stack.push(Value::Global(format!("{module} {name}").into()));
                }
                b'q' => {
                    let [number] = self.take()?;
                    self.remember(number.into())?;
                }
                b'r' => {
                    let number = u32::from_le_bytes(self.take()?);
                    self.remember(number)?;
                }
                0x94 => self.remember(self.memo.len().try_into().ok()?)?,
                b'h' => {
                    let [number] = self.take()?;
                    self.stack.push(self.memo.get(&u32::from(number))?.clone());
                }
                b'j' => {
                    let number = u32::from_le_bytes(self.take()?);
                    self.stack.push(self.memo.get(&number)?.clone());
                }
                b')' => self.stack.push(tuple(vec![])),
                0x85..=0x87 => {
                    let count = usize::from(opcode - 0x84);
                    let values = self.stack.split_off(self.stack.len().checked_sub(count)?);
                    self.stack.push(tuple(values));
                }
                b't' => {
                    let values = self.above_mark()?;
                    self.stack.push(tuple(values));
                }
                b'Q' => {
                    let id = self.stack.pop()?;
                    self.stack.push(storage(&id));
                }
                // REDUCE and NEWOBJ
                b'R' | 0x81 => {
                    let (arguments, function) = (self.stack.pop()?, self.stack.pop()?);
                    self.stack.push(call(&function, &arguments));
                }
                // BUILD and APPEND: attributes are no tensors, and neither are lists.
                b'b' | b'a' => _ = self.stack.pop()?,
                b'e' => _ = self.above_mark()?,
                b's' => {
                    let (value, key) = (self.stack.pop()?, self.stack.pop()?);
                    self.enter(vec![key, value])?;
                }
                b'u' => {
                    let pairs = self.above_mark()?;
                    self.enter(pairs)?;
                }
                _ => return None,
            }
        }
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take_slice(N)?.try_into().ok()
    }

    fn take_slice(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(taken)
    }

    fn text(&mut self, length: usize) -> Option<()> {
        let text = std::str::from_utf8(self.take_slice(length)?).ok()?.into();
        self.stack.push(Value::Text(text));
        Some(())
    }

    fn line(&mut self) -> Option<String> {
        let length = self.rest.iter().position(|&byte| byte == b'\n')?;
        let line = String::from_utf8(self.take_slice(length)?.to_vec()).ok()?;
        self.take::<1>()?;
        Some(line)
    }

    /// Dicts are not remembered: they still change, and nothing in a state dict comes back to one.
    fn remember(&mut self, number: u32) -> Option<()> {
        let value = match self.stack.last()? {
            Value::Dict(_) | Value::Mark => Value::Other,
            value => value.clone(),
        };
        self.memo.insert(number, value);
        Some(())
    }

    /// The values above the uppermost mark, which goes as well.
    fn above_mark(&mut self) -> Option<Vec<Value>> {
        let mark = self.stack.iter().rposition(|value| matches!(value, Value::Mark))?;
        let values = self.stack.split_off(mark + 1);
        self.stack.pop();
        Some(values)
    }

    /// Puts keys and values, in turn, into the dict that is uppermost.
    fn enter(&mut self, pairs: Vec<Value>) -> Option<()> {
        let dict = self.stack.last_mut()?;
        let mut values = pairs.into_iter();
        while let Some(key) = values.next() {
            let value = values.next()?;
            let (Value::Dict(dict), Value::Text(key)) = (&mut *dict, key) else { continue };
            match value {
                Value::Tensor(tensor) => _ = dict.insert(key.to_string(), tensor),
                Value::Dict(inner) => {
                    let short = inner.into_iter().filter(|(name, _)| key.len() + name.len() < LONGEST);
                    dict.extend(short.map(|(name, tensor)| (format!("{key}.{name}"), tensor)));
                }
                _ => {}
            }
        }
        Some(())
    }
}

fn tuple(values: Vec<Value>) -> Value {
    let depth =
        values.iter().map(|value| if let Value::Tuple(_, depth) = value { depth + 1 } else { 1 }).max().unwrap_or(1);
    if depth > DEEPEST { Value::Other } else { Value::Tuple(values.into(), depth) }
}

/// A number of any length, the lowest byte first, if it is one that can matter.
fn long(bytes: &[u8]) -> Value {
    match bytes.len() {
        0..=7 => {
            let number = bytes.iter().rev().fold(0i64, |number, &byte| number << 8 | i64::from(byte));
            let is_negative = bytes.last().is_some_and(|&byte| byte >= 0x80);
            if is_negative { Value::Other } else { Value::Number(number) }
        }
        _ => Value::Other,
    }
}

/// What PyTorch keeps apart from the pickle: `("storage", class, key, device, size)`.
fn storage(id: &Value) -> Value {
    match id {
        Value::Tuple(parts, _) => match &parts[..] {
            [Value::Text(what), Value::Global(kind), Value::Text(key), _, _] if **what == *"storage" => {
                Value::Storage { kind: kind.clone(), key: key.clone() }
            }
            _ => Value::Other,
        },
        _ => Value::Other,
    }
}

/// What a function gives, as far as it is known.
fn call(function: &Value, arguments: &Value) -> Value {
    let (Value::Global(name), Value::Tuple(arguments, _)) = (function, arguments) else { return Value::Other };
    match (&**name, &arguments[..]) {
        ("collections OrderedDict", []) => Value::Dict(BTreeMap::new()),
        ("torch._utils _rebuild_parameter", [tensor @ Value::Tensor(_), ..]) => tensor.clone(),
        ("torch._utils _rebuild_tensor_v2", [storage, offset, shape, strides, ..]) => {
            described(storage, offset, shape, strides).map_or(Value::Other, |tensor| Value::Tensor(tensor.into()))
        }
        _ => Value::Other,
    }
}

fn described(storage: &Value, offset: &Value, shape: &Value, strides: &Value) -> Option<Described> {
    let Value::Storage { kind, key } = storage else { return None };
    let (kind, key) = (kind.to_string(), key.to_string());
    Some(Described { kind, key, offset: number(offset)?, shape: numbers(shape)?, strides: numbers(strides)? })
}

fn number(value: &Value) -> Option<usize> {
    if let Value::Number(number) = value { usize::try_from(*number).ok() } else { None }
}

fn numbers(value: &Value) -> Option<Vec<usize>> {
    if let Value::Tuple(values, _) = value { values.iter().map(number).collect() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is before and after a state dict's tensor called `w`, whose numbers are described by `arguments`.
    fn state_dict(arguments: &[u8]) -> Vec<u8> {
        let start = b"\x80\x02ccollections\nOrderedDict\n)R(X\x01\0\0\0wctorch._utils\n_rebuild_tensor_v2\n(";
        [&start[..], arguments, b"tRu."].concat()
    }

    /// A storage of key `0`.
    const STORAGE: &[u8] = b"(X\x07\0\0\0storagectorch\nFloatStorage\nX\x01\0\0\x000X\x03\0\0\0cpuK\x06tQ";

    #[test]
    fn a_tensor_is_a_view_of_a_storage() {
        let pickle = state_dict(&[STORAGE, b"K\x01K\x02K\x03\x86M\x2c\x01K\x01\x86\x89N"].concat());
        let found = tensors(&pickle).unwrap();
        let expected = Described {
            kind: "torch FloatStorage".into(),
            key: "0".into(),
            offset: 1,
            shape: vec![2, 3],
            strides: vec![300, 1],
        };
        assert_eq!(found, BTreeMap::from([("w".to_string(), expected)]));
    }

    #[test]
    fn a_call_of_anything_else_is_not_made_and_gives_nothing() {
        let pickle = b"\x80\x02}(X\x01\0\0\0acposix\nsystem\nX\x04\0\0\0true\x85RX\x01\0\0\0bK\x01u.";
        assert_eq!(tensors(pickle).unwrap(), BTreeMap::new());
        let message = tensors(b"\x80\x02cposix\nsystem\nX\x04\0\0\0true\x85R.").unwrap_err();
        assert!(message.starts_with("it holds no dict of tensors"), "{message}");
    }

    #[test]
    fn dicts_in_dicts_give_names_with_dots_and_what_is_no_tensor_is_passed_over() {
        let tensor = [b"ctorch._utils\n_rebuild_tensor_v2\n(", STORAGE, b"K\x00))\x89NtR"].concat();
        let inner = [b"}X\x01\0\0\0w", &tensor[..], b"s"].concat();
        let outer =
            [b"\x80\x02}(X\x05\0\0\0modelq\x00", &inner[..], b"X\x05\0\0\0epochK\x07X\x04\0\0\0lossG12345678u."]
                .concat();
        assert_eq!(tensors(&outer).unwrap().into_keys().collect::<Vec<_>>(), ["model.w"]);
    }

    #[test]
    fn a_program_that_nests_or_repeats_without_end_takes_neither_stack_nor_memory() {
        let nested = [b"\x80\x02)".as_slice(), &b"\x85".repeat(1 << 20), b"."].concat();
        assert!(tensors(&nested).is_err());
        let doubled = [b"\x80\x02)q\0".as_slice(), &b"h\0h\0\x86q\0".repeat(1 << 16), b"."].concat();
        assert!(tensors(&doubled).is_err());
        let dicts =
            [b"\x80\x02".as_slice(), &b"}X\x01\0\0\0a".repeat(1 << 16), b"}", &b"s".repeat(1 << 16), b"."].concat();
        assert_eq!(tensors(&dicts).unwrap(), BTreeMap::new());
    }
}
