//! Protocol buffers: the messages in the files of some other programs, without their `.proto` files and the compiler for these.

/// Messages with the name, type, encoding and number of each field.
macro_rules! messages {
    ($($name:ident { $($field:ident: $type:ty = $($encoding:ident)+ $tag:literal)* })*) => {$(
        #[derive(Clone, PartialEq, prost::Message)]
        pub struct $name { $(#[prost($($encoding),+, tag = $tag)] pub $field: $type,)* }
    )*};
}

pub(crate) use messages;
