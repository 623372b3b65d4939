//! Decodes ONNX files.

use serde_json::json;

use super::*;

/// A network of 2 by 3 pixels, with a hidden layer of two units and the classes 5 and 7.
fn network(activation: &str, int8: bool) -> Network {
    let measures = json!({ "edge": 0, "strongest": 0, "filled": 0, "stroke": 0, "x": 0, "y": 0 });
    let look = json!({
        "background": 0, "ink": 255, "filled": 0.5, "stroke": 2.0, "whole": false, "least": measures, "most": measures
    });
    let pixels = json!({
        "scaling": { "mean": 0.2, "deviation": 0.5 }, "range": [0, 255], "polarity": "light on dark", "preparation": look
    });
    let description = json!({
        "program": "mnist-burn", "version": "0", "activation": activation, "classes": ["5", "7"], "pixels": pixels,
        "architecture": { "height": 2, "width": 3, "hidden": [2], "batch_norm": false }
    });
    let int8 = int8.then(|| Int8 { weight_scales: vec![0.25, 0.5], scale: 0.5, zero_point: 3 });
    let layer = |name: &str, inputs, weight, bias| Layer { name: name.into(), inputs, weight, bias, int8: None };
    let mut hidden = layer("hidden.0", 6, [[1.0; 6], [-2.0; 6]].concat(), vec![0.0, -1.0]);
    hidden.int8 = int8;
    let layers = vec![hidden, layer(OUTPUT, 2, vec![1.0, 0.0, 0.0, 1.0], vec![0.0; 2])];
    Network { layers, description: serde_json::from_value(description).unwrap() }
}

fn decoded(network: &Network, raw: bool) -> (Model, Graph) {
    let entries = BTreeMap::from([("run".to_string(), "smoke".to_string())]);
    let mut model = Model::decode(onnx(std::slice::from_ref(network), raw, entries).as_slice()).unwrap();
    let graph = model.graph.take().unwrap();
    (model, graph)
}

/// The name, type and sides of each input or output.
fn values(values: &[Value]) -> Vec<(&str, i32, String)> {
    let shape = |value: &Value| value.kind.clone().unwrap().tensor_type.unwrap();
    let side = |it: Dimension| it.dim_param.unwrap_or_else(|| it.dim_value.unwrap().to_string());
    let sides = |kind: TensorKind| kind.shape.unwrap().dim.into_iter().map(side).collect::<Vec<_>>().join(" ");
    values.iter().map(|value| (value.name.as_str(), shape(value).elem_type, sides(shape(value)))).collect()
}

#[test]
fn onnx_file_has_its_versions_metadata_inputs_and_outputs() {
    let network = network("relu", false);
    let (model, graph) = decoded(&network, true);
    assert_eq!((model.ir_version, model.opset_import[0].version), (8, 17));
    assert_eq!((model.producer_name.as_str(), model.producer_version.as_str()), ("mnist-burn", "0"));
    assert_eq!(model.metadata_props, [Entry { key: "run".into(), value: "smoke".into() }]);
    assert_eq!(values(&graph.input), [("image", 2, "batch 2 3".into())]);
    let outputs = [("logits", 1, "batch 2"), ("probabilities", 1, "batch 2"), ("label", 7, "batch")];
    assert_eq!(values(&graph.output), outputs.map(|(name, kind, sides)| (name, kind, sides.into())));
    assert_eq!(values(&decoded(&network, false).1.input), [("pixels", 1, "batch 6".into())]);
    let labels = graph.initializer.iter().find(|tensor| tensor.name == "labels").unwrap();
    assert_eq!(
        (labels.raw_data.as_slice(), labels.dims.as_slice()),
        (&[5_i64, 7].map(i64::to_le_bytes).concat()[..], &[2][..])
    );
}

#[test]
fn onnx_operators_take_only_what_is_there_before_them() {
    for (activation, count) in [("relu", 1), ("sigmoid", 1), ("tanh", 1), ("gelu", 5)] {
        for int8 in [false, true] {
            let (_, graph) = decoded(&network(activation, int8), true);
            let mut known: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
            known.push("image");
            for node in &graph.node {
                assert!(node.input.iter().all(|input| known.contains(&input.as_str())), "{node:?} of {known:?}");
                assert!(!known.contains(&node.name.as_str()) && node.output == [node.name.clone()], "{node:?}");
                known.push(&node.name);
            }
            // Four of the scaling, two products, three of the results; four of the integers.
            assert_eq!(graph.node.len(), 9 + count + if int8 { 4 } else { 0 }, "{activation}");
            assert!(graph.output.iter().all(|value| known.contains(&value.name.as_str())));
        }
    }
}

#[test]
fn onnx_file_of_several_networks_has_each_name_once_and_one_input() {
    let networks = ["relu", "gelu"].map(|activation| network(activation, true));
    let graph = Model::decode(onnx(&networks, true, BTreeMap::new()).as_slice()).unwrap().graph.unwrap();
    let mut known: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name.as_str()).collect();
    known.push("image");
    for node in &graph.node {
        assert!(node.input.iter().all(|input| known.contains(&input.as_str())), "{node:?} of {known:?}");
        known.push(&node.name);
    }
    assert!(graph.input.len() == 1 && graph.output.iter().all(|value| known.contains(&value.name.as_str())));
    known.sort_unstable();
    assert!(known.windows(2).all(|pair| pair[0] != pair[1]), "{known:?}");
}

#[test]
fn onnx_integers_stand_for_the_weights() {
    let (_, graph) = decoded(&network("relu", true), false);
    let bytes = |name: &str| &graph.initializer.iter().find(|tensor| tensor.name == name).unwrap().raw_data[..];
    assert_eq!(bytes("hidden.0.weight.integers"), [[4; 6], [-4_i8 as u8; 6]].concat());
    assert_eq!(bytes("hidden.0.bias.integers"), [0_i32, -4].map(i32::to_le_bytes).concat());
    assert_eq!(bytes("pixels.zero_point"), [3]);
}
