//! Affine transformations: straight lines stay straight.

/// Maps each pixel of the new image to its source in the old one. `[a, b, c]` gives a coordinate of the source as
/// `a·x + b·y + c`, for the pixel in column x and row y.
#[derive(Debug)]
pub struct Affine {
    /// The source's column.
    pub x: [f32; 3],
    /// The source's row.
    pub y: [f32; 3],
}

/// A transformation about the centre of the image. Its steps are applied in the order of the fields.
#[derive(Debug, Default)]
pub struct Change {
    /// The changes of width and height: the factors minus 1.
    pub scale: [f64; 2],
    /// The angle by which upright lines lean, in degrees.
    pub shear: f64,
    /// In degrees, clockwise: from the right towards the bottom.
    pub rotation: f64,
    /// In pixels, to the right and down.
    pub translation: [f64; 2],
}

impl Change {
    /// The inverse map, for images of `[height, width]`.
    pub fn inverse(&self, size: [usize; 2]) -> Affine {
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
