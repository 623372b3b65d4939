//! An ONNX file of a network: `image` or `pixels` in; `logits`, `probabilities` and `label` out. It is a message of
//! protocol buffers (`onnx.proto3` in <https://github.com/onnx/onnx/tree/main/onnx>), of operator set 17
//! (<https://onnx.ai/onnx/operators/>) and IR version 8, of June 2022; GELU's operator is newer.

use std::{collections::BTreeMap, f32::consts::SQRT_2};

use prost::Message;

use super::network::{Int8, Layer, Network, OUTPUT};
use crate::{config::Activation, model::Description, protobuf::messages};

// `TensorProto.DataType`.
const FLOAT: i32 = 1;
const UINT8: i32 = 2;
const INT8: i32 = 3;
const INT32: i32 = 6;
const INT64: i32 = 7;
/// `AttributeProto.AttributeType`: a whole number.
const INT: i32 = 2;

/// The file of one network, or of several of equal images and classes: the mean of their probabilities and, as logits, its
/// logarithms. With `raw`, it takes uint8 `[batch, height, width]`, else floats `[batch, height * width]`, scaled as for training.
pub fn onnx(networks: &[Network], raw: bool, entries: BTreeMap<String, String>) -> Vec<u8> {
    let description = &networks[0].description;
    let mut graph = Graph { name: "network".into(), ..Graph::default() };
    if let [network] = networks {
        graph.network(network, raw);
        graph.node("Softmax", &["logits"], "probabilities", &[("axis", 1)]);
    } else {
        let answers: Vec<_> = networks.iter().enumerate().map(|(it, network)| graph.member(it, network, raw)).collect();
        graph.node("Mean", &answers.iter().map(String::as_str).collect::<Vec<_>>(), "probabilities", &[]);
        graph.node("Log", &["probabilities"], "logits", &[]);
    }
    let (labels, classes) = (description.labels(), [description.classes.len()]);
    graph.node("ArgMax", &["logits"], "class", &[("axis", 1), ("keepdims", 0)]);
    graph.tensor("labels", INT64, &classes, labels.into_iter().flat_map(i64::to_le_bytes).collect());
    graph.node("Gather", &["labels", "class"], "label", &[("axis", 0)]);
    let logits =
        if networks.len() == 1 { "the sums of the output layer" } else { "the logarithms of the probabilities" };
    graph.output = vec![
        value("logits", FLOAT, &classes, logits),
        value("probabilities", FLOAT, &classes, "softmax of the logits, in the order of `classes` in the metadata"),
        value("label", INT64, &[], "the label of the most probable class"),
    ];
    let model = Model {
        ir_version: 8,
        producer_name: description.program.clone(),
        producer_version: description.version.clone(),
        graph: Some(graph),
        opset_import: vec![Opset { version: 17 }],
        metadata_props: entries.into_iter().map(|(key, value)| Entry { key, value }).collect(),
    };
    model.encode_to_vec()
}

/// What adds to a graph. Most functions return the name of the tensor that they add.
impl Graph {
    /// Adds a network from its input to its logits.
    fn network(&mut self, Network { layers, description }: &Network, raw: bool) {
        let mut x = self.pixels(description, raw);
        for layer in layers {
            let [weight, bias] = ["weight", "bias"].map(|part| format!("{}.{part}", layer.name));
            x = self.parameters(layer, &x, [&weight, &bias]);
            let sum = if layer.name == OUTPUT { "logits".into() } else { format!("{}.sum", layer.name) };
            x = self.node("Gemm", &[&x, &weight, &bias], &sum, &[("transB", 1)]);
            if layer.name != OUTPUT {
                x = self.activate(description.activation, &x, &layer.name);
            }
        }
    }

    /// Adds one of several networks, which share the input, to its probabilities. Its number is in all its names.
    fn member(&mut self, number: usize, network: &Network, raw: bool) -> String {
        let mut member = Self::default();
        member.network(network, raw);
        let inputs: Vec<_> = member.input.iter().map(|input| input.name.clone()).collect();
        let nodes = member.node.iter_mut().flat_map(|node| {
            let Node { input, output, name, .. } = node;
            input.iter_mut().chain(output).chain([name])
        });
        for name in nodes.chain(member.initializer.iter_mut().map(|tensor| &mut tensor.name)) {
            if !inputs.contains(name) {
                *name = format!("member.{number}.{name}");
            }
        }
        self.input = member.input;
        self.node.extend(member.node);
        self.initializer.extend(member.initializer);
        let [logits, probabilities] = ["logits", "probabilities"].map(|part| format!("member.{number}.{part}"));
        self.node("Softmax", &[&logits], &probabilities, &[("axis", 1)])
    }

    /// Adds the input, and its scaling.
    fn pixels(&mut self, Description { architecture, pixels, .. }: &Description, raw: bool) -> String {
        let [mean, deviation] = [pixels.scaling.mean, pixels.scaling.deviation];
        if !raw {
            let doc = format!("(grey level / 255 - {mean}) / {deviation}");
            self.input.push(value("pixels", FLOAT, &[architecture.inputs()], &doc));
            return "pixels".into();
        }
        let doc = format!("grey levels, {}", pixels.polarity);
        self.input.push(value("image", UINT8, &[architecture.height, architecture.width], &doc));
        self.node("Flatten", &["image"], "image.flat", &[("axis", 1)]);
        self.node("Cast", &["image.flat"], "image.float", &[("to", FLOAT.into())]);
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
        if activation != Activation::Gelu {
            // The operator has the activation's name.
            return self.node(&format!("{activation:?}"), &[x], output, &[]);
        }
        // x · (1 + erf(x / √2)) / 2
        let name = |part| format!("{output}.{part}");
        let scaled = self.apply("Div", x, (&name("root_of_2"), SQRT_2), &name("scaled"));
        let erf = self.node("Erf", &[&scaled], &name("erf"), &[]);
        let above = self.apply("Add", &erf, (&name("one"), 1.0), &name("above_0"));
        let cdf = self.apply("Div", &above, (&name("two"), 2.0), &name("cdf"));
        self.node("Mul", &[x, &cdf], output, &[])
    }

    /// Adds an operator, which is called by its output.
    fn node(&mut self, kind: &str, inputs: &[&str], output: &str, attributes: &[(&str, i64)]) -> String {
        let attribute = |&(name, value): &(&str, i64)| Attribute { name: name.into(), i: Some(value), kind: INT };
        self.node.push(Node {
            input: inputs.iter().map(|&name| name.into()).collect(),
            output: vec![output.into()],
            name: output.into(),
            op_type: kind.into(),
            attribute: attributes.iter().map(attribute).collect(),
        });
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

    fn tensor(&mut self, name: &str, data_type: i32, shape: &[usize], raw_data: Vec<u8>) {
        let dims = shape.iter().map(|&side| side as i64).collect();
        self.initializer.push(Tensor { dims, data_type, name: name.into(), raw_data });
    }
}

/// An input or output for any number of images. `shape` is that of one.
fn value(name: &str, elem_type: i32, shape: &[usize], doc: &str) -> Value {
    let batch = Dimension { dim_param: Some("batch".into()), dim_value: None };
    let sides = shape.iter().map(|&side| Dimension { dim_param: None, dim_value: Some(side as i64) });
    let shape = Shape { dim: [batch].into_iter().chain(sides).collect() };
    let kind = Kind { tensor_type: Some(TensorKind { elem_type, shape: Some(shape) }) };
    Value { name: name.into(), kind: Some(kind), doc_string: doc.into() }
}

messages! {
    Model {
        ir_version: i64 = int64 "1"
        producer_name: String = string "2"
        producer_version: String = string "3"
        graph: Option<Graph> = message optional "7"
        opset_import: Vec<Opset> = message repeated "8"
        metadata_props: Vec<Entry> = message repeated "14"
    }
    Opset { version: i64 = int64 "2" }
    Entry { key: String = string "1" value: String = string "2" }
    Graph {
        node: Vec<Node> = message repeated "1"
        name: String = string "2"
        initializer: Vec<Tensor> = message repeated "5"
        input: Vec<Value> = message repeated "11"
        output: Vec<Value> = message repeated "12"
    }
    Node {
        input: Vec<String> = string repeated "1"
        output: Vec<String> = string repeated "2"
        name: String = string "3"
        op_type: String = string "4"
        attribute: Vec<Attribute> = message repeated "5"
    }
    Attribute { name: String = string "1" i: Option<i64> = int64 optional "3" kind: i32 = int32 "20" }
    Tensor {
        dims: Vec<i64> = int64 repeated "1"
        data_type: i32 = int32 "2"
        name: String = string "8"
        raw_data: Vec<u8> = bytes "9"
    }
    Value { name: String = string "1" kind: Option<Kind> = message optional "2" doc_string: String = string "3" }
    Kind { tensor_type: Option<TensorKind> = message optional "1" }
    TensorKind { elem_type: i32 = int32 "1" shape: Option<Shape> = message optional "2" }
    Shape { dim: Vec<Dimension> = message repeated "1" }
    Dimension { dim_value: Option<i64> = int64 optional "1" dim_param: Option<String> = string optional "2" }
}

#[cfg(test)]
mod tests;
