//! Writes a training's curves for TensorBoard, with the event files, tags and folders of Keras' callback.
//!
//! An event file is a sequence of TFRecords: the length of the data (`u64`), the masked CRC-32C of the length, the
//! data, the masked CRC-32C of the data, all little-endian. The data are `Event` messages of protocol buffers. Sources:
//! <https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details>, and `event.proto` and
//! `summary.proto` in <https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto>.

use prost::Message;

use super::metrics::Epoch;
use crate::protobuf::messages;

/// A split with curves of its own: its name, and loss, accuracy and learning rate of an epoch. The second argument is the rate.
type Split = (&'static str, fn(&Epoch, f64) -> [Option<f64>; 3]);

pub const TRAIN: Split = ("train", |epoch, rate| [Some(epoch.train_loss), Some(epoch.train_accuracy), Some(rate)]);
pub const VALIDATION: Split = ("validation", |epoch, _| [epoch.validation_loss, epoch.validation_accuracy, None]);

const TAGS: [&str; 3] = ["epoch_loss", "epoch_accuracy", "epoch_learning_rate"];

/// An event file, see `RunFolder::write_tensorboard`. The step is the epoch, from 0, as in Keras. More epochs append to it.
pub fn events(epochs: &[Epoch], rate: &dyn Fn(usize) -> f64, start: f64, (_, metrics): Split) -> Vec<u8> {
    let mut file = record(&Event { wall_time: start, file_version: Some("brain.Event:2".into()), ..Event::default() });
    let mut wall_time = start;
    for epoch in epochs {
        wall_time += epoch.seconds;
        let metrics = TAGS.into_iter().zip(metrics(epoch, rate(epoch.epoch)));
        let values = metrics.filter_map(|(tag, it)| Some(Value { tag: tag.into(), simple_value: Some(it? as f32) }));
        let value: Vec<Value> = values.collect();
        if !value.is_empty() {
            let summary = Some(Summary { value });
            file.extend(record(&Event { wall_time, step: epoch.epoch as i64 - 1, summary, ..Event::default() }));
        }
    }
    file
}

fn record(event: &Event) -> Vec<u8> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    [&length[..], &masked_crc(&length), &data, &masked_crc(&data)].concat()
}

/// The masked CRC-32C of TFRecord. It masks checksums because a checksum of data that contain checksums is weak.
fn masked_crc(bytes: &[u8]) -> [u8; 4] {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8).to_le_bytes()
}

// Those of `tensorboard`, with only the fields that are used here.
messages! {
    Event {
        // Seconds of UNIX time.
        wall_time: f64 = double "1"
        step: i64 = int64 "2"
        file_version: Option<String> = string optional "3"
        summary: Option<Summary> = message optional "5"
    }
    Summary { value: Vec<Value> = message repeated "1" }
    Value { tag: String = string "1" simple_value: Option<f32> = float optional "2" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs() -> Vec<Epoch> {
        let epoch = |epoch: usize, validation: Option<f64>| Epoch {
            epoch,
            train_loss: 0.5 / epoch as f64,
            train_accuracy: 0.75,
            validation_loss: validation,
            validation_accuracy: validation.map(|_| 0.875),
            seconds: 2.5,
            ..Epoch::default()
        };
        vec![epoch(1, Some(0.25)), epoch(2, None)]
    }

    /// Half the rate in each epoch.
    fn rate(epoch: usize) -> f64 {
        0.5_f64.powi(epoch as i32)
    }

    /// CRC-32C bit by bit: Castagnoli's polynomial, reflected, as in RFC 3720, appendix B.4.
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, &byte| {
            (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 })
        })
    }

    /// The events in a file. Fails if a record is incomplete or damaged.
    fn decoded(mut file: &[u8]) -> Vec<Event> {
        let masked = |bytes| (crc(bytes) >> 15 | crc(bytes) << 17).wrapping_add(0xa282_ead8).to_le_bytes();
        let mut events = vec![];
        while !file.is_empty() {
            let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
            assert_eq!(file[8..12], masked(&file[..8]), "the checksum of the length");
            let data = &file[12..12 + length];
            assert_eq!(file[12 + length..16 + length], masked(data), "the checksum of the data");
            events.push(Event::decode(data).unwrap());
            file = &file[16 + length..];
        }
        events
    }

    fn scalars(event: &Event) -> Vec<(&str, f32)> {
        let values = event.summary.iter().flat_map(|summary| &summary.value);
        values.map(|value| (value.tag.as_str(), value.simple_value.unwrap())).collect()
    }

    #[test]
    fn checksum_matches_the_value_in_the_standard() {
        assert_eq!(crc(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c::crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn event_file_has_its_version_and_then_an_event_per_epoch() {
        let events = decoded(&events(&epochs(), &rate, 1000.0, TRAIN));
        assert_eq!(events[0].file_version.as_deref(), Some("brain.Event:2"));
        assert_eq!((events[0].wall_time, events[0].step, &events[0].summary), (1000.0, 0, &None));
        assert_eq!(scalars(&events[1]), [("epoch_loss", 0.5), ("epoch_accuracy", 0.75), ("epoch_learning_rate", 0.5)]);
        assert_eq!(
            scalars(&events[2]),
            [("epoch_loss", 0.25), ("epoch_accuracy", 0.75), ("epoch_learning_rate", 0.25)]
        );
        let times: Vec<_> = events.iter().map(|event| (event.step, event.wall_time)).collect();
        assert_eq!(times, [(0, 1000.0), (0, 1002.5), (1, 1005.0)]);
    }

    #[test]
    fn epoch_without_validation_has_no_validation_event() {
        let events = decoded(&events(&epochs(), &rate, 0.0, VALIDATION));
        assert_eq!(events.len(), 2);
        assert_eq!((events[1].step, scalars(&events[1])), (0, vec![("epoch_loss", 0.25), ("epoch_accuracy", 0.875)]));
    }

    #[test]
    fn events_of_more_epochs_begin_with_those_of_fewer() {
        let [short, long] = [1, 2].map(|count| events(&epochs()[..count], &rate, 7.0, TRAIN));
        assert!(long.len() > short.len() && long.starts_with(&short));
    }

    #[test]
    fn event_file_has_the_bytes_that_tensorflow_writes() {
        // From `tf.io.TFRecordWriter`, with the same event.
        let file = events(&[], &rate, 0.0, TRAIN);
        let data = b"\x1a\x0dbrain.Event:2";
        assert_eq!(file[..8], 15_u64.to_le_bytes());
        assert_eq!(file[12..27], data[..]);
    }
}
