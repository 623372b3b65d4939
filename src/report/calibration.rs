//! Calibration: of the predictions with a confidence of 90 %, 90 % should be correct. Guo et al., "On Calibration of
//! Modern Neural Networks", 2017 (arXiv:1706.04599), section 2 and figure 1.

/// The number of confidence intervals, of equal width: that of the paper.
pub const BINS: usize = 15;

#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bin {
    pub images: usize,
    /// The fraction of them that is correct; 0 if there are none.
    pub accuracy: f64,
    /// The mean probability of the predicted class; 0 if there are none.
    pub confidence: f64,
}

/// Sorts predictions, each a confidence in [0, 1] and whether it is correct, into [`BINS`] intervals, open below, closed above.
pub fn bins(predictions: impl IntoIterator<Item = (f64, bool)>) -> Vec<Bin> {
    let mut bins = vec![Bin::default(); BINS];
    for (confidence, is_right) in predictions {
        let index = ((confidence * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        let bin = &mut bins[index];
        bin.images += 1;
        bin.accuracy += f64::from(u8::from(is_right));
        bin.confidence += confidence;
    }
    for bin in &mut bins {
        let count = bin.images.max(1) as f64;
        (bin.accuracy, bin.confidence) = (bin.accuracy / count, bin.confidence / count);
    }
    bins
}

pub fn range(bin: usize) -> String {
    let edge = |bin: usize| 100.0 * bin as f64 / BINS as f64;
    format!("{:.0} to {:.0} %", edge(bin), edge(bin + 1))
}

/// The expected calibration error, in [0, 1]: the mean gap between accuracy and confidence, weighted by images.
pub fn expected_error(bins: &[Bin]) -> f64 {
    let images: usize = bins.iter().map(|bin| bin.images).sum();
    let gap = |bin: &Bin| bin.images as f64 * (bin.accuracy - bin.confidence).abs();
    bins.iter().map(gap).sum::<f64>() / images.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expected_calibration_error_matches_one_computed_by_hand() {
        // One bin, 14/15 to 1: four predictions at 0.95, three of them right: |0.75 - 0.95| = 0.2.
        // Another, 7/15 to 8/15: one at 0.5, right: |1 - 0.5| = 0.5. Together (4 · 0.2 + 1 · 0.5) / 5 = 0.26.
        let bins = bins([(0.95, true), (0.95, true), (0.95, false), (0.95, true), (0.5, true)]);
        assert_eq!(bins[14], Bin { images: 4, accuracy: 0.75, confidence: 0.95 });
        assert_eq!(bins[7], Bin { images: 1, accuracy: 1.0, confidence: 0.5 });
        assert!((expected_error(&bins) - 0.26).abs() < 1e-12);
    }

    #[test]
    fn predictions_as_accurate_as_confident_have_no_calibration_error() {
        let error = expected_error(&bins([(0.5, true), (0.5, false), (1.0, true)]));
        assert!(error.abs() < 1e-12, "{error}");
    }

    #[test]
    fn confidence_is_in_one_bin_which_contains_its_upper_end() {
        let of = |confidence| bins([(confidence, true)]).iter().position(|bin| bin.images == 1).unwrap();
        assert_eq!((of(0.0), of(1.0 / 15.0), of(1.0 / 15.0 + 1e-9), of(1.0), of(1.0 + 1e-12)), (0, 0, 1, 14, 14));
    }

    #[test]
    fn range_of_a_bin_is_in_whole_percent() {
        assert_eq!((range(0), range(14)), ("0 to 7 %".into(), "93 to 100 %".into()));
    }

    #[test]
    fn empty_predictions_have_no_calibration_error() {
        assert_eq!(expected_error(&bins([])), 0.0);
    }
}
