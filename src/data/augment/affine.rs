//! Affine transformations: straight lines stay straight.

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
    /// The inverse map, for images of `[height, width]`, from a pixel of the new image to the column and the row of its
    /// source in the old one. `[a, b, c]` gives each as `a·x + b·y + c`, for the pixel in column x and row y.
    pub fn inverse(&self, size: [usize; 2]) -> [[f32; 3]; 2] {
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
        [from(x, middle_x), from(y, middle_y)]
    }
}
