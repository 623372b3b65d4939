//! The weights of the first layer, as images.

use super::pictures::diverging;

/// The most units that a page shows.
const MOST: usize = 256;
/// The most pixels in all their images together.
const MOST_PIXELS: usize = 1 << 18;
/// The quantile of the absolute weights that gets the strongest colour. With the maximum, outliers would pale the others.
const QUANTILE: f64 = 0.995;

/// The first layer, as the page shows it.
#[derive(Debug, Clone)]
pub struct FirstLayer {
    /// The weights of each unit, as the data URI of an image; not of all of them if they are many or large.
    pub units: Vec<String>,
    /// The number of all units.
    pub all: usize,
    /// The absolute weight that gets the strongest colour.
    pub largest: f32,
}

impl FirstLayer {
    /// The layer with these weights, `[units, height · width]`.
    pub fn new(weights: &[f32], size: [usize; 2]) -> Self {
        let inputs = (size[0] * size[1]).max(1);
        let mut sizes: Vec<f32> = weights.iter().map(|weight| weight.abs()).collect();
        sizes.sort_by(f32::total_cmp);
        let rank = (QUANTILE * sizes.len() as f64).ceil() as usize;
        let largest = sizes.get(rank.saturating_sub(1)).copied().unwrap_or(0.0);
        let shown = (MOST_PIXELS / inputs).clamp(1, MOST);
        let units = weights.chunks(inputs).take(shown).map(|weights| diverging(weights, size, largest)).collect();
        Self { units, all: weights.len() / inputs, largest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_have_an_image_each_and_outliers_do_not_decide_the_colours() {
        let mut weights = vec![0.5; 250 * 4];
        weights[0] = -90.0;
        let layer = FirstLayer::new(&weights, [2, 2]);
        assert_eq!((layer.units.len(), layer.all, layer.largest), (250, 250, 0.5));
    }

    #[test]
    fn wide_layers_and_large_images_are_cut() {
        assert_eq!(FirstLayer::new(&vec![1.0; 300], [1, 1]).units.len(), MOST);
        let large = FirstLayer::new(&vec![1.0; 2 * MOST_PIXELS], [1, MOST_PIXELS]);
        assert_eq!((large.units.len(), large.all), (1, 2));
    }
}
