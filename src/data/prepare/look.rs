//! What the training images look like.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::morphology::to_edge;

/// What the images that a network was trained on look like: the ranges of a few measures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    pub(super) background: u8,
    pub(super) ink: u8,
    /// The usual length of a digit's longer side, as a fraction of the image's.
    pub(super) filled: f32,
    /// The usual width of its strokes, in pixels.
    pub(super) stroke: f32,
    /// The usual place of its centre of mass, as fractions of the image's width and height. Older versions did not record it.
    centre: Option<[f32; 2]>,
    /// Whether an image is a whole picture, without a background.
    pub(super) whole: bool,
    /// The least and the most of each measure.
    least: Measures,
    most: Measures,
}

/// The measures of one image, whose ink is from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Measures {
    /// The mean ink along the edge of the image.
    edge: f32,
    strongest: f32,
    /// The longer side of the box around the ink, as a fraction of the image's side.
    filled: f32,
    stroke: f32,
    /// The centre of mass, as fractions of the image's width and height.
    x: f32,
    y: f32,
}

impl Measures {
    fn of(ink: &[f32], width: usize) -> Self {
        let height = ink.len() / width;
        let mass = ink.iter().sum::<f32>().max(f32::MIN_POSITIVE);
        // The length of the box around the ink and the centre of mass along an axis.
        let along = |place: &dyn Fn(usize) -> usize, side: usize| {
            let inked = (0..ink.len()).filter(|&at| ink[at] > 0.1).map(place);
            let (low, high) = inked.fold((usize::MAX, 0), |(low, high), at| (low.min(at), high.max(at)));
            let moments = ink.iter().enumerate().map(|(at, ink)| ink * (place(at) as f32 + 0.5));
            ((high + 1).saturating_sub(low) as f32 / side as f32, moments.sum::<f32>() / mass / side as f32)
        };
        let ((across, x), (down, y)) = (along(&|at| at % width, width), along(&|at| at / width, height));
        let edge: Vec<f32> = (0..ink.len()).filter(|&at| to_edge(at, [width, height]) == 0).map(|at| ink[at]).collect();
        let levels: Vec<u8> = ink.iter().map(|ink| (255.0 * ink) as u8).collect();
        Self {
            edge: edge.iter().sum::<f32>() / edge.len() as f32,
            strongest: ink.iter().copied().fold(0.0, f32::max),
            filled: across.max(down),
            stroke: stroke_width(&levels, width),
            x,
            y,
        }
    }

    fn numbers(&self) -> [f32; 6] {
        [self.edge, self.strongest, self.filled, self.stroke, self.x, self.y]
    }

    fn from_numbers([edge, strongest, filled, stroke, x, y]: [f32; 6]) -> Self {
        Self { edge, strongest, filled, stroke, x, y }
    }
}

impl Look {
    /// The look of MNIST: for runs that recorded none.
    pub const MNIST: Self = Self {
        background: 0,
        ink: 255,
        filled: 20.0 / 28.0,
        stroke: 2.4,
        // Half a pixel right of and below the middle.
        centre: Some([14.5 / 28.0; 2]),
        whole: false,
        least: Measures { edge: 0.0, strongest: 0.5, filled: 0.5, stroke: 1.5, x: 0.49, y: 0.49 },
        most: Measures { edge: 0.05, strongest: 1.0, filled: 0.75, stroke: 6.0, x: 0.546, y: 0.546 },
    };

    /// The look of MNIST, and of all other images that are light on dark.
    pub const LIGHT_ON_DARK: Self = Self {
        least: Measures { edge: 0.0, strongest: 0.1, filled: 0.0, stroke: 0.0, x: 0.0, y: 0.0 },
        most: Measures { edge: 0.5, strongest: 1.0, filled: 1.0, stroke: f32::MAX, x: 1.0, y: 1.0 },
        ..Self::MNIST
    };

    /// The look of images that are whole pictures: a picture is only reduced to their size.
    pub const WHOLE: Self = Self { whole: true, ..Self::MNIST };

    /// Measures `images`, each of `size`, `[height, width]`.
    pub fn of(images: &[&[u8]], [height, width]: [usize; 2]) -> Self {
        let mut counts = [0usize; 256];
        let (mut low, mut high) = (u8::MAX, 0);
        for (at, &level) in images.iter().flat_map(|image| image.iter().enumerate()) {
            (low, high) = (low.min(level), high.max(level));
            counts[usize::from(level)] += usize::from(to_edge(at, [width, height]) == 0);
        }
        let background = (0..=255).max_by_key(|&level| counts[usize::from(level)]).unwrap_or(0);
        let ink = if background - low > high - background { low } else { high };
        let near = |level: usize| level.abs_diff(background.into()) <= usize::from(high - low) / 8;
        let paper: usize = (0..256).filter(|&level| near(level)).map(|level| counts[level]).sum();
        if 2 * paper < counts.iter().sum() {
            return Self::WHOLE;
        }
        let look = Self { background, ink, ..Self::MNIST };
        let measured: Vec<_> = images.par_iter().map(|it| Measures::of(&look.ink_of(it), width).numbers()).collect();
        let Some(last) = measured.len().checked_sub(1) else { return look };
        let columns = [0, 1, 2, 3, 4, 5].map(|number| {
            let mut values: Vec<f32> = measured.iter().map(|measures| measures[number]).collect();
            values.sort_unstable_by(f32::total_cmp);
            values
        });
        let middle = columns.each_ref().map(|values| values[measured.len() / 2]);
        let Measures { filled, stroke, x, y, .. } = Measures::from_numbers(middle);
        // A fiftieth of the range farther out.
        let bound = |from: usize, to: usize| columns.each_ref().map(|it| it[from] + 0.02 * (it[from] - it[to]));
        let [least, most] = [bound(0, last), bound(last, 0)].map(Measures::from_numbers);
        Self { filled, stroke, centre: Some([x, y]), least, most, ..look }
    }

    /// Whether an image of `size` already looks so. Of whole pictures, every image does.
    pub fn fits(&self, pixels: &[u8], size: [usize; 2]) -> bool {
        let measures = Measures::of(&self.ink_of(pixels), size[1]).numbers();
        let bounds = self.least.numbers().into_iter().zip(self.most.numbers());
        self.whole || measures.into_iter().zip(bounds).all(|(measure, (least, most))| (least..=most).contains(&measure))
    }

    /// The usual place of the centre of mass; if it is not known, the middle of the places that the images have.
    pub fn centre(&self) -> [f32; 2] {
        self.centre.unwrap_or([(self.least.x + self.most.x) / 2.0, (self.least.y + self.most.y) / 2.0])
    }

    /// Which is the lighter one, ink or background; neither in whole pictures.
    pub fn polarity(&self) -> &'static str {
        match self.ink > self.background {
            _ if self.whole => "any",
            true => "light on dark",
            false => "dark on light",
        }
    }

    /// Ink from 0 to 255 in the levels of the training images.
    pub fn coloured(&self, ink: &[u8]) -> Vec<u8> {
        let (from, to) = (f32::from(self.background), f32::from(self.ink));
        ink.iter().map(|&ink| (from + (to - from) * f32::from(ink) / 255.0).round() as u8).collect()
    }

    fn ink_of(&self, pixels: &[u8]) -> Vec<f32> {
        let (from, to) = (f32::from(self.background), f32::from(self.ink));
        let range = if from == to { 1.0 } else { to - from };
        pixels.iter().map(|&pixel| ((f32::from(pixel) - from) / range).abs()).collect()
    }
}

/// The mean width of the strokes in `ink`, `[height, width]`, in pixels: twice their area over the length of their outline.
pub fn stroke_width(ink: &[u8], width: usize) -> f32 {
    let height = ink.len() / width;
    let at = |x: usize, y: usize| if x < width && y < height { f32::from(ink[y * width + x]) } else { 0.0 };
    let area: f32 = ink.iter().copied().map(f32::from).sum();
    let mut outline = 0.0;
    // From one row and column before the image, where there is no ink.
    for y in 0..=height {
        for x in 0..=width {
            let (own, left, above) = (at(x, y), at(x.wrapping_sub(1), y), at(x, y.wrapping_sub(1)));
            outline += ((own - left).powi(2) + (own - above).powi(2)).sqrt();
        }
    }
    if outline > 0.0 { 2.0 * area / outline } else { 0.0 }
}
