//! Straight distortions: every line stays a line.

/// Where each pixel's ink comes from: `[a, b, c]` of each coordinate, which is `a·x + b·y + c` of the pixel in column x and
/// row y.
#[derive(Debug)]
pub struct Affine {
    /// The column.
    pub x: [f32; 3],
    /// The row.
    pub y: [f32; 3],
}

/// What is done to an image, in this order, about its middle.
#[derive(Debug, Default)]
pub struct Change {
    /// What is added to the factors 1 of width and height.
    pub scale: [f64; 2],
    /// By how much upright lines lean, in degrees.
    pub shear: f64,
    /// In degrees, from the right towards the bottom.
    pub rotation: f64,
    /// In pixels, to the right and down.
    pub translation: [f64; 2],
}

impl Change {
    /// Undoes the change of images of `[height, width]`, the last of it first.
    pub fn undone(&self, size: [usize; 2]) -> Affine {
        let (sin, cos) = self.rotation.to_radians().sin_cos();
        let lean = self.shear.to_radians().tan();
        let [width, height] = self.scale.map(|change| 1.0 + change);
        let x = [(cos + lean * sin) / width, (sin - lean * cos) / width];
        let y = [-sin / height, cos / height];
        let [middle_y, middle_x] = size.map(|side| (side as f64 - 1.0) / 2.0);
        let [right, down] = self.translation;
        let from = |[x, y]: [f64; 2], middle: f64| {
            [x, y, middle - x * (middle_x + right) - y * (middle_y + down)].map(|number| number as f32)
        };
        Affine { x: from(x, middle_x), y: from(y, middle_y) }
    }
}
