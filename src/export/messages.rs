//! The messages of an ONNX file that this program writes, from `onnx.proto3` in <https://github.com/onnx/onnx/tree/main/onnx>.

use prost::Message;

/// Messages with the name, type, encoding and number of each field.
macro_rules! messages {
    ($($name:ident { $($field:ident: $type:ty = $($encoding:ident)+ $tag:literal)* })*) => {$(
        #[derive(Clone, PartialEq, Message)]
        pub struct $name { $(#[prost($($encoding),+, tag = $tag)] pub $field: $type,)* }
    )*};
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
