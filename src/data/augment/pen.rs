//! What another pen, paper or camera does to the same strokes: they are wider or narrower, softer, and fainter or stronger.

/// A change of an image's strokes. The steps are applied in the order of the fields.
#[derive(Debug, Clone, Copy)]
pub struct Pen {
    /// The change of the strokes' width, in pixels.
    pub width: f32,
    /// The standard deviation of a Gaussian blur, in pixels, from 0 to 1.
    pub blur: f32,
    /// The change of the ink: the factor minus 1.
    pub contrast: f32,
}

impl Pen {
    /// Changes `pixels`, `[height, width]`. `ink` is a buffer for them with a border of one pixel without ink.
    #[inline(always)]
    pub fn apply(&self, width: usize, ink: &mut [f32], pixels: &mut [u8]) {
        // A whole step makes a stroke wider, or narrower, by a pixel on each side. The fraction of a step mixes.
        let mut rest = self.width.abs() / 2.0;
        while rest > 0.0 {
            // The least is the most of the negatives.
            let (fraction, sign) = (rest.min(1.0), self.width.signum());
            step(width, ink, pixels, |own, around| {
                let most = around.into_iter().map(|ink| sign * ink).fold(sign * own, f32::max);
                own + fraction * (sign * most - own)
            });
            rest -= 1.0;
        }
        if self.blur > 0.0 {
            // Each of two steps adds half the variance.
            let part = self.blur * self.blur / 4.0;
            for _ in 0..2 {
                step(width, ink, pixels, |own, [a, b, c, d]| own + part * (a + b + c + d - 4.0 * own));
            }
        }
        if self.contrast != 0.0 {
            let factor = 1.0 + self.contrast;
            pixels.iter_mut().for_each(|pixel| *pixel = (factor * f32::from(*pixel) + 0.5) as u8);
        }
    }
}

/// Copies `pixels`, `[height, width]`, into `ink`, which has a border of one pixel without ink.
#[inline(always)]
pub fn copy(width: usize, pixels: &[u8], ink: &mut [f32]) {
    for (ink, pixels) in ink.chunks_exact_mut(width + 2).skip(1).zip(pixels.chunks_exact(width)) {
        ink[1..].iter_mut().zip(pixels).for_each(|(ink, &pixel)| *ink = pixel.into());
    }
}

/// Replaces each pixel by what `combine` makes of it and its neighbours: left, right, above, below.
#[inline(always)]
fn step(width: usize, ink: &mut [f32], pixels: &mut [u8], combine: impl Fn(f32, [f32; 4]) -> f32) {
    copy(width, pixels, ink);
    let row = width + 2;
    for (y, pixels) in pixels.chunks_exact_mut(width).enumerate() {
        let rows = &ink[y * row..(y + 3) * row];
        let (above, own, below) = (&rows[1..], &rows[row..2 * row], &rows[2 * row + 1..]);
        for (x, pixel) in pixels.iter_mut().enumerate() {
            let around = [own[x], own[x + 2], above[x], below[x]];
            *pixel = (combine(own[x + 1], around) + 0.5) as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: Pen = Pen { width: 0.0, blur: 0.0, contrast: 0.0 };

    /// The middle row of an image of 9 by 9 pixels with an upright stroke of three pixels, after `pen`.
    fn stroke(pen: Pen) -> Vec<u8> {
        let mut pixels: Vec<u8> = (0..81).map(|pixel| if (3..6).contains(&(pixel % 9)) { 200 } else { 0 }).collect();
        pen.apply(9, &mut [0.0; 11 * 11], &mut pixels);
        pixels[36..45].to_vec()
    }

    #[test]
    fn stroke_gets_wider_and_narrower_by_the_given_pixels() {
        let width = |width| stroke(Pen { width, ..SAME }).iter().map(|&pixel| f64::from(pixel) / 200.0).sum::<f64>();
        for (change, expected) in [(0.0, 3.0), (1.0, 4.0), (2.0, 5.0), (3.0, 6.0), (-1.0, 2.0), (-2.0, 1.0)] {
            assert!((width(change) - expected).abs() < 0.02, "{change}: {}", width(change));
        }
    }

    #[test]
    fn blur_has_its_standard_deviation_and_keeps_the_ink() {
        let mut pixels = [0; 15 * 15];
        pixels[7 * 15 + 7] = 255;
        Pen { blur: 1.0, ..SAME }.apply(15, &mut [0.0; 17 * 17], &mut pixels);
        let ink: f64 = pixels.iter().map(|&pixel| f64::from(pixel)).sum();
        let squares = pixels.iter().enumerate().map(|(at, &pixel)| f64::from(pixel) * ((at % 15) as f64 - 7.0).powi(2));
        let variance = squares.sum::<f64>() / ink;
        assert!((ink - 255.0).abs() < 4.0 && (variance - 1.0).abs() < 0.05, "{ink} {variance}");
    }

    #[test]
    fn contrast_multiplies_the_ink_up_to_the_strongest() {
        assert_eq!(stroke(Pen { contrast: -0.5, ..SAME }), [0, 0, 0, 100, 100, 100, 0, 0, 0]);
        assert_eq!(stroke(Pen { contrast: 0.5, ..SAME })[3..6], [255; 3]);
    }
}
