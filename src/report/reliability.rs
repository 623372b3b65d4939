//! The reliability diagram: accuracy over confidence, bin by bin, as coordinates of a drawing.

use super::calibration::{BINS, Bin, expected_error};
use super::curves::tenth;

/// The left and lower edge of the diagram and the side of its square, in units of the drawing.
const LEFT: f64 = 48.0;
const BOTTOM: f64 = 272.0;
const SIDE: f64 = 256.0;

#[derive(Debug, Clone)]
pub struct Reliability {
    /// The expected calibration error, with its unit.
    pub error: String,
    /// The bins that hold images.
    pub bars: Vec<Bar>,
}

/// One bin: a bar as high as its accuracy, and the gap between that and its confidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    pub x: f64,
    pub width: f64,
    pub y: f64,
    pub height: f64,
    pub gap_y: f64,
    pub gap_height: f64,
    /// The confidences that it covers, in percent.
    pub range: String,
    pub images: usize,
    pub confidence: String,
    /// The fraction that is correct.
    pub accuracy: String,
}

impl Reliability {
    pub fn new(bins: Vec<Bin>) -> Self {
        let error = format!("{:.2} %", 100.0 * expected_error(&bins));
        let filled = bins.iter().enumerate().filter(|(_, bin)| bin.images > 0);
        Self { error, bars: filled.map(|(index, bin)| Bar::new(index, bin)).collect() }
    }
}

impl Bar {
    fn new(index: usize, bin: &Bin) -> Self {
        let width = SIDE / BINS as f64;
        let (low, high) = (bin.accuracy.min(bin.confidence), bin.accuracy.max(bin.confidence));
        let edge = |index: usize| 100.0 * index as f64 / BINS as f64;
        Self {
            x: tenth(LEFT + width * index as f64 + 1.0),
            width: tenth(width - 2.0),
            y: tenth(BOTTOM - SIDE * bin.accuracy),
            height: tenth(SIDE * bin.accuracy),
            gap_y: tenth(BOTTOM - SIDE * high),
            gap_height: tenth(SIDE * (high - low)),
            range: format!("{:.0} to {:.0} %", edge(index), edge(index + 1)),
            images: bin.images,
            confidence: format!("{:.1} %", 100.0 * bin.confidence),
            accuracy: format!("{:.1} %", 100.0 * bin.accuracy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bar_is_as_high_as_its_accuracy_and_its_gap_goes_to_the_confidence() {
        let mut bins = vec![Bin { images: 0, accuracy: 0.0, confidence: 0.0 }; BINS];
        bins[14] = Bin { images: 4, accuracy: 0.75, confidence: 0.95 };
        let diagram = Reliability::new(bins);
        let [bar] = &diagram.bars[..] else { panic!("one bin holds images") };
        assert_eq!((bar.height, bar.y), (192.0, BOTTOM - 192.0));
        assert_eq!((bar.gap_y, bar.gap_height), (tenth(BOTTOM - 0.95 * SIDE), tenth(0.2 * SIDE)));
        assert_eq!((bar.range.as_str(), diagram.error.as_str()), ("93 to 100 %", "20.00 %"));
    }
}
