//! Points on a sphere, and the way between them.

/// The mean radius of the Earth, in miles.
const EARTH_RADIUS_MILES: f32 = 3_958.8;

/// A point on the Earth.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Point {
    /// Degrees north.
    pub latitude: f32,
    /// Degrees east.
    pub longitude: f32,
}

impl Point {
    fn unit(self) -> [f32; 3] {
        let (sin_latitude, cos_latitude) = self.latitude.to_radians().sin_cos();
        let (sin_longitude, cos_longitude) = self.longitude.to_radians().sin_cos();
        [
            cos_latitude * cos_longitude,
            cos_latitude * sin_longitude,
            sin_latitude,
        ]
    }

    /// The angle between two points as seen from the centre of the Earth.
    fn angle(from: [f32; 3], to: [f32; 3]) -> f32 {
        let cross = [
            from[1] * to[2] - from[2] * to[1],
            from[2] * to[0] - from[0] * to[2],
            from[0] * to[1] - from[1] * to[0],
        ];
        let length = cross.iter().map(|part| part * part).sum::<f32>().sqrt();
        let dot: f32 = from.iter().zip(to).map(|(left, right)| left * right).sum();
        length.atan2(dot)
    }

    /// Miles along the great circle.
    pub(crate) fn miles_to(self, to: Self) -> f32 {
        Self::angle(self.unit(), to.unit()) * EARTH_RADIUS_MILES
    }

    /// The point at this part of the great circle, 0 at `self`, 1 at `to`.
    pub(crate) fn towards(self, to: Self, part: f32) -> Self {
        let (from, end) = (self.unit(), to.unit());
        let angle = Self::angle(from, end);
        if angle < 1e-6 {
            return to;
        }
        let (near, far) = (((1.0 - part) * angle).sin(), (part * angle).sin());
        let at = |axis: usize| near * from[axis] + far * end[axis];
        let (x, y, z) = (at(0), at(1), at(2));
        Self {
            latitude: z.atan2(x.hypot(y)).to_degrees(),
            longitude: y.atan2(x).to_degrees(),
        }
    }
}
