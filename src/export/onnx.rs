//! An ONNX file of a network: `image` or `pixels` in; `logits`, `probabilities` and `label` out.
//!
//! It needs operator set 17 and IR version 8, of June 2022; GELU's own operator is newer. The numbers of fields and types are those
//! of `onnx.proto3` in <https://github.com/onnx/onnx/tree/main/onnx>, and the operators those of <https://onnx.ai/onnx/operators/>.

use std::collections::BTreeMap;
use std::f32::consts::SQRT_2;

use super::network::{Int8, Layer, Network, OUTPUT};
use crate::config::Activation;
use crate::model::Description;

// `TensorProto.DataType`.
const FLOAT: usize = 1;
const UINT8: usize = 2;
const INT8: usize = 3;
const INT32: usize = 6;
const INT64: usize = 7;

/// The ONNX file of a network. With `raw`, it takes grey levels, uint8 `[batch, height, width]`; otherwise scaled pixels,
/// float `[batch, height * width]`. `entries` tell about it.
pub fn onnx(network: &Network, raw: bool, entries: BTreeMap<String, String>) -> Vec<u8> {
    let Network { layers, description } = network;
    let mut graph = Graph(field(2, "network"));
    let mut x = graph.pixels(description, raw);
    for layer in layers {
        let [weight, bias] = ["weight", "bias"].map(|part| format!("{}.{part}", layer.name));
        x = graph.parameters(layer, &x, [&weight, &bias]);
        let sum = if layer.name == OUTPUT { "logits".into() } else { format!("{}.sum", layer.name) };
        x = graph.node("Gemm", &[&x, &weight, &bias], &sum, &[("transB", 1)]);
        if layer.name != OUTPUT {
            x = graph.activate(description.activation, &x, &layer.name);
        }
    }
    let (labels, classes) = (description.labels(), [description.classes.len()]);
    graph.node("Softmax", &[&x], "probabilities", &[("axis", 1)]);
    graph.node("ArgMax", &[&x], "class", &[("axis", 1), ("keepdims", 0)]);
    graph.tensor("labels", INT64, &classes, labels.into_iter().flat_map(i64::to_le_bytes).collect());
    graph.node("Gather", &["labels", "class"], "label", &[("axis", 0)]);
    graph.value(12, "logits", FLOAT, &classes, "the sums of the output layer");
    graph.value(
        12,
        "probabilities",
        FLOAT,
        &classes,
        "softmax of the logits, in the order of `classes` in the metadata",
    );
    graph.value(12, "label", INT64, &[], "the label of the most probable class");
    let entry = |(key, value)| field(14, [field(1, key), field(2, value)].concat());
    let metadata: Vec<_> = entries.iter().flat_map(entry).collect();
    let producer = [field(2, &description.program), field(3, &description.version)].concat();
    [int(1, 8), producer, field(7, graph.0), field(8, int(2, 17)), metadata].concat()
}

/// An encoded `GraphProto`. Its functions return the name of the tensor that they add.
struct Graph(Vec<u8>);

impl Graph {
    /// Adds the input, and its scaling.
    fn pixels(&mut self, Description { architecture, pixels, .. }: &Description, raw: bool) -> String {
        let [mean, deviation] = [pixels.scaling.mean, pixels.scaling.deviation];
        if !raw {
            let doc = format!("(grey level / 255 - {mean}) / {deviation}");
            return self.value(11, "pixels", FLOAT, &[architecture.inputs()], &doc);
        }
        let doc = format!("grey levels, {}", pixels.polarity);
        self.value(11, "image", UINT8, &[architecture.height, architecture.width], &doc);
        self.node("Flatten", &["image"], "image.flat", &[("axis", 1)]);
        self.node("Cast", &["image.flat"], "image.float", &[("to", FLOAT)]);
        self.apply("Sub", "image.float", ("image.mean", (255.0 * mean) as f32), "image.centred");
        self.apply("Div", "image.centred", ("image.deviation", (255.0 * deviation) as f32), "pixels")
    }

    /// Adds the weights and biases of a layer; as integers with the rounding of its inputs `x` if they were rounded. Programs
    /// that know this pattern of `QuantizeLinear` and `DequantizeLinear` compute with the integers. Returns the layer's inputs.
    fn parameters(&mut self, layer: &Layer, x: &str, names: [&str; 2]) -> String {
        let (units, parameters) = (layer.bias.len(), [&layer.weight, &layer.bias]);
        let shapes = [vec![units, layer.inputs], vec![units]];
        let Some(Int8 { weight_scales, scale, zero_point }) = &layer.int8 else {
            (0..2).for_each(|it| self.floats(names[it], &shapes[it], parameters[it]));
            return x.into();
        };
        let bias_scales = weight_scales.iter().map(|of_unit| of_unit * scale).collect();
        for (it, scales) in [weight_scales.clone(), bias_scales].into_iter().enumerate() {
            let [integers, steps] = ["integers", "scales"].map(|part| format!("{}.{part}", names[it]));
            let values = parameters[it].chunks_exact(parameters[it].len() / units).zip(&scales);
            let values = values.flat_map(|(row, scale)| row.iter().map(move |value| (value / scale).round() as i32));
            match it {
                0 => self.tensor(&integers, INT8, &shapes[it], values.map(|value| value as u8).collect()),
                _ => self.tensor(&integers, INT32, &shapes[it], values.flat_map(i32::to_le_bytes).collect()),
            }
            self.floats(&steps, &[units], &scales);
            self.node("DequantizeLinear", &[&integers, &steps], names[it], &[("axis", 0)]);
        }
        let [step, zero, rounded] = ["scale", "zero_point", "uint8"].map(|part| format!("{x}.{part}"));
        self.floats(&step, &[], &[*scale]);
        self.tensor(&zero, UINT8, &[], vec![*zero_point]);
        self.node("QuantizeLinear", &[x, &step, &zero], &rounded, &[]);
        self.node("DequantizeLinear", &[&rounded, &step, &zero], &format!("{x}.rounded"), &[])
    }

    fn activate(&mut self, activation: Activation, x: &str, output: &str) -> String {
        match activation {
            Activation::Relu => self.node("Relu", &[x], output, &[]),
            Activation::Sigmoid => self.node("Sigmoid", &[x], output, &[]),
            Activation::Tanh => self.node("Tanh", &[x], output, &[]),
            Activation::Gelu => {
                // x · (1 + erf(x / √2)) / 2
                let name = |part| format!("{output}.{part}");
                let scaled = self.apply("Div", x, (&name("root_of_2"), SQRT_2), &name("scaled"));
                let erf = self.node("Erf", &[&scaled], &name("erf"), &[]);
                let above = self.apply("Add", &erf, (&name("one"), 1.0), &name("above_0"));
                let cdf = self.apply("Div", &above, (&name("two"), 2.0), &name("cdf"));
                self.node("Mul", &[x, &cdf], output, &[])
            }
        }
    }

    /// Adds an operator, which is called by its output.
    fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[(&str, usize)]) -> String {
        let inputs: Vec<_> = inputs.iter().flat_map(|name| field(1, name)).collect();
        // An attribute of type 2 is a whole number.
        let attribute = |(name, value): &(_, _)| field(5, [field(1, name), int(3, *value), int(20, 2)].concat());
        let attributes: Vec<_> = attributes.iter().flat_map(attribute).collect();
        let node = [inputs, field(2, output), field(3, output), field(4, kind), attributes];
        self.0.extend(field(1, node.concat()));
        output.into()
    }

    /// Adds an operator of a tensor and a number with a name.
    fn apply(&mut self, kind: &str, x: &str, (name, number): (&str, f32), output: &str) -> String {
        self.floats(name, &[], &[number]);
        self.node(kind, &[x, name], output, &[])
    }

    fn floats(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        self.tensor(name, FLOAT, shape, values.iter().flat_map(|value| value.to_le_bytes()).collect());
    }

    fn tensor(&mut self, name: &str, kind: usize, shape: &[usize], bytes: Vec<u8>) {
        let shape: Vec<_> = shape.iter().flat_map(|&side| int(1, side)).collect();
        self.0.extend(field(5, [shape, int(2, kind), field(8, name), field(9, bytes)].concat()));
    }

    /// Adds an input (11) or output (12) for any number of images. `shape` is that of one.
    fn value(&mut self, number: usize, name: &str, kind: usize, shape: &[usize], doc: &str) -> String {
        let sides = shape.iter().flat_map(|&side| field(1, int(1, side)));
        let shape: Vec<_> = field(1, field(2, "batch")).into_iter().chain(sides).collect();
        let tensor = field(1, [int(1, kind), field(2, shape)].concat());
        self.0.extend(field(number, [field(1, name), field(2, tensor), field(3, doc)].concat()));
        name.into()
    }
}

/// A field of a protobuf message: its number, and a text, bytes or a message.
fn field(number: usize, content: impl AsRef<[u8]>) -> Vec<u8> {
    [&varint(number << 3 | 2)[..], &varint(content.as_ref().len()), content.as_ref()].concat()
}

/// A field with a whole number.
fn int(number: usize, value: usize) -> Vec<u8> {
    [varint(number << 3), varint(value)].concat()
}

/// Seven bits a byte, the lowest ones first.
fn varint(value: usize) -> Vec<u8> {
    if value < 128 { vec![value as u8] } else { [vec![value as u8 | 128], varint(value >> 7)].concat() }
}

#[cfg(test)]
mod tests;
