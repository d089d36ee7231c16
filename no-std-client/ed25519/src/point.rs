//! The curve -x^2 + y^2 = 1 + d x^2 y^2 over [`Field`], and the one multiplication that a verification needs.
//!
//! - Coordinates and formulas are those of Hisil, Wong, Carter and Dawson (2008): `add-2008-hwcd-3` and `dbl-2008-hwcd` of the
//!   Explicit-Formulas Database. Since -1 is a square modulo p and d is none, they hold for any two points, those of small
//!   order too: there is no special case to forget.
//! - A sum comes as the two fractions x = E/G and y = H/F, as `Completed`. What has to be multiplied out of it
//!   depends on what comes next.

use crate::{
    field::Field,
    scalar::{DIGITS, Scalar},
};

/// A point as x = X/Z, y = Y/Z.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Projective {
    x: Field,
    y: Field,
    z: Field,
}

/// The same with T = X Y / Z, for a sum.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Extended {
    x: Field,
    y: Field,
    z: Field,
    t: Field,
}

/// A sum, before its coordinates are multiplied: X = E F, Y = G H, Z = F G, T = E H.
struct Completed {
    e: Field,
    f: Field,
    g: Field,
    h: Field,
}

/// A point that is added more than once.
#[derive(Copy, Clone, Debug)]
struct Addend {
    /// Y + X
    sum: Field,
    /// Y - X
    difference: Field,
    /// 2 Z
    double_z: Field,
    /// 2 d T
    double_dt: Field,
}

/// The first odd multiples of a point: one, three, five and seven times it.
type OddMultiples = [Addend; 4];

/// Whether a point is added, or its negative.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
enum Sign {
    Plus,
    Minus,
}

/// -121665/121666
const D: Field = Field([
    0x78a3, 0x1359, 0x4dca, 0x75eb, 0xd8ab, 0x4141, 0x0a4d, 0x0070, 0xe898, 0x7779, 0x4079, 0x8cc7, 0xfe73, 0x2b6f,
    0x6cee, 0x5203,
]);

impl Extended {
    /// RFC 8032 5.1.3, but for two spellings that it refuses, and other implementations take: of y from p on, and of x = 0 as
    /// negative.
    #[inline(never)]
    pub fn decode(bytes: &[u8; 32]) -> Option<Self> {
        let y = Field::decode(bytes);
        let y_squared = y.square();
        let dividend = y_squared.subtract(&Field::ONE);
        let divisor = y_squared.multiply(&D).add(&Field::ONE);
        let mut x = dividend.root_of_quotient(&divisor)?;
        let [.., highest] = bytes;
        if x.is_odd() != (highest >> 7 == 1) {
            x = x.negate();
        }
        Some(Self {
            x,
            y,
            z: Field::ONE,
            t: x.multiply(&y),
        })
    }

    /// Whether eight times the point is the neutral element.
    pub fn is_small_order(&self) -> bool {
        let mut point = self.projective();
        for _ in 0..3 {
            point = point.double().projective();
        }
        point.x.is_zero() && point.y.equals(&point.z)
    }

    fn projective(&self) -> Projective {
        Projective {
            x: self.x,
            y: self.y,
            z: self.z,
        }
    }

    fn addend(&self) -> Addend {
        let dt = self.t.multiply(&D);
        Addend {
            sum: self.y.add(&self.x),
            difference: self.y.subtract(&self.x),
            double_z: self.z.add(&self.z),
            double_dt: dt.add(&dt),
        }
    }

    /// Written where they are to stand: they are the largest thing here.
    #[inline(never)]
    fn odd_multiples(&self, multiples: &mut OddMultiples) {
        let double = self.projective().double().extended().addend();
        let mut multiple = *self;
        let mut is_first = true;
        for place in multiples {
            if !core::mem::take(&mut is_first) {
                multiple = multiple.add(&double, Sign::Plus).extended();
            }
            *place = multiple.addend();
        }
    }

    #[inline(never)]
    fn add(&self, other: &Addend, sign: Sign) -> Completed {
        // The negative of a point has the other x and the other t.
        let (sum, difference) = match sign {
            Sign::Plus => (&other.sum, &other.difference),
            Sign::Minus => (&other.difference, &other.sum),
        };
        let a = self.y.subtract(&self.x).multiply(difference);
        let b = self.y.add(&self.x).multiply(sum);
        let c = self.t.multiply(&other.double_dt);
        let d = self.z.multiply(&other.double_z);
        let (less, more) = (d.subtract(&c), d.add(&c));
        let (f, g) = match sign {
            Sign::Plus => (less, more),
            Sign::Minus => (more, less),
        };
        Completed {
            e: b.subtract(&a),
            f,
            g,
            h: b.add(&a),
        }
    }
}

impl Addend {
    /// No point, which memory is filled with before the points are there.
    const NOTHING: Self = Self {
        sum: Field::ZERO,
        difference: Field::ZERO,
        double_z: Field::ZERO,
        double_dt: Field::ZERO,
    };
}

impl Projective {
    /// x = 0, y = 1
    const NEUTRAL: Self = Self {
        x: Field::ZERO,
        y: Field::ONE,
        z: Field::ONE,
    };

    #[inline(never)]
    fn double(&self) -> Completed {
        let a = self.x.square();
        let b = self.y.square();
        let c = self.z.square();
        let h = a.add(&b);
        let g = a.subtract(&b);
        // All four with the other sign than in the database, which makes no difference to the products.
        Completed {
            e: h.subtract(&self.x.add(&self.y).square()),
            f: c.add(&c).add(&g),
            g,
            h,
        }
    }

    /// RFC 8032 5.1.2: y, and above it whether x is odd.
    #[inline(never)]
    pub fn encode(&self) -> [u8; 32] {
        let one_by_z = self.z.invert();
        let x = self.x.multiply(&one_by_z);
        let mut bytes = self.y.multiply(&one_by_z).encode();
        let [.., highest] = &mut bytes;
        *highest |= u8::from(x.is_odd()) << 7;
        bytes
    }
}

impl Completed {
    fn projective(&self) -> Projective {
        Projective {
            x: self.e.multiply(&self.f),
            y: self.g.multiply(&self.h),
            z: self.f.multiply(&self.g),
        }
    }

    fn extended(&self) -> Extended {
        let Projective { x, y, z } = self.projective();
        Extended {
            x,
            y,
            z,
            t: self.e.multiply(&self.h),
        }
    }
}

/// `[k]P + [s]B`, for the base point B.
pub(crate) fn multiply_and_add(k: &Scalar, point: &Extended, s: &Scalar) -> Projective {
    let mut multiples = [Addend::NOTHING; 4];
    point.odd_multiples(&mut multiples);
    sum_of_digits(k, &multiples, s)
}

/// The same, with the multiples of the point.
///
/// The digits of both numbers are gone through together, from the highest on, so that there is one row of doublings. Of the
/// digits one in five is not zero. Not inlined: the digits need the stack on which the multiples were made.
#[inline(never)]
fn sum_of_digits(k: &Scalar, multiples: &OddMultiples, s: &Scalar) -> Projective {
    let (k, s) = (k.digits(), s.digits());
    let mut result = Projective::NEUTRAL;
    for (k, s) in k.iter().zip(&s).rev() {
        let mut completed = result.double();
        for (digit, multiples) in [(k, multiples), (s, &MULTIPLES_OF_BASE)] {
            if let Some((addend, sign)) = of_digit(multiples, *digit) {
                completed = completed.extended().add(addend, sign);
            }
        }
        result = completed.projective();
    }
    result
}

/// What a digit adds; nothing if it is zero.
fn of_digit(multiples: &OddMultiples, digit: i8) -> Option<(&Addend, Sign)> {
    let sign = if digit < 0 { Sign::Minus } else { Sign::Plus };
    let addend = multiples.get(usize::from(digit.unsigned_abs() / 2))?;
    (digit != 0).then_some((addend, sign))
}

const _: () = assert!(DIGITS > 253);

/// The odd multiples of the base point, with Z = 1.
const MULTIPLES_OF_BASE: OddMultiples = [
    Addend {
        sum: Field([
            0x3b85, 0xf58c, 0x93c6, 0x2fbc, 0x0e19, 0xfb8c, 0x2dc6, 0xcf93, 0x42c2, 0x643d, 0x4898, 0x270b, 0xba65,
            0x33d4, 0x9d3a, 0x07cf,
        ]),
        difference: Field([
            0x913e, 0xd740, 0x3905, 0x9d10, 0xbeb3, 0xd140, 0x9f05, 0xfd39, 0x8a09, 0x688f, 0x8434, 0xa5c1, 0x1267,
            0x98f8, 0x2f92, 0x44fd,
        ]),
        double_z: Field::small(2),
        double_dt: Field([
            0xaa68, 0x877a, 0x1205, 0xabc9, 0xc49e, 0xccaa, 0xe823, 0x26d9, 0x598c, 0xdd43, 0x7dcb, 0x5a1b, 0x65a8,
            0x9f0c, 0x7b68, 0x6f11,
        ]),
    },
    Addend {
        sum: Field([
            0x9730, 0x4cee, 0xb0a8, 0xaf25, 0x4b8a, 0xe886, 0x8430, 0x025a, 0x6732, 0x9f01, 0x5002, 0xc11b, 0xf8f4,
            0x9a80, 0x4e1b, 0x7a16,
        ]),
        difference: Field([
            0xd265, 0xa4fc, 0x1fe8, 0x5661, 0xba7d, 0xe5c1, 0x53fd, 0x3bd3, 0xd6bd, 0x214b, 0xf31a, 0x8131, 0xda62,
            0x555b, 0x1587, 0x2ab9,
        ]),
        double_z: Field::small(2),
        double_dt: Field([
            0xd889, 0x0dd0, 0x933f, 0x14ae, 0xda62, 0x1c35, 0x2322, 0x5894, 0xdb4c, 0x8cf2, 0xe545, 0xd170, 0xb4c6,
            0x12b9, 0x26af, 0x5a28,
        ]),
    },
    Addend {
        sum: Field([
            0xbb33, 0x08a5, 0xbc44, 0xa212, 0xed02, 0xc75e, 0x48c3, 0x8d50, 0xec44, 0x5abf, 0xeb0c, 0xdd1b, 0x06eb,
            0x46e2, 0xccf1, 0x2945,
        ]),
        difference: Field([
            0xd6ba, 0xa447, 0x82c3, 0x7f91, 0x29b7, 0x4b27, 0x14d1, 0xd500, 0xa087, 0xb864, 0xf11c, 0xe33c, 0x55f3,
            0xeb1b, 0x7e73, 0x154a,
        ]),
        double_z: Field::small(2),
        double_dt: Field([
            0x8285, 0x812a, 0xdbf1, 0xbcbb, 0xd1fc, 0xd0bd, 0x0807, 0x270e, 0xa72d, 0x1bbd, 0x670b, 0xb41b, 0xb69a,
            0x6b3b, 0xbe69, 0x43aa,
        ]),
    },
    Addend {
        sum: Field([
            0xa3bf, 0x944e, 0x5cd0, 0x6b1a, 0xc0d2, 0xb39d, 0x353a, 0x7470, 0x2e49, 0x2854, 0x5282, 0x71b2, 0x927e,
            0x283c, 0xea69, 0x461b,
        ]),
        difference: Field([
            0x21b1, 0xaa32, 0x2c9a, 0xba6f, 0x23a7, 0x3bba, 0x2153, 0x6ca0, 0x2c3a, 0x9219, 0x764f, 0x9dea, 0x17e0,
            0x2e53, 0xdd5d, 0x1d6e,
        ]),
        double_z: Field::small(2),
        double_dt: Field([
            0xb3a2, 0x01b8, 0x6dc8, 0xf183, 0xa49a, 0x053e, 0x5f47, 0xb303, 0xadf3, 0x5877, 0x41ba, 0x529c, 0x90a7,
            0x6a0f, 0xbb1c, 0x7a9f,
        ]),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8032 5.1: y is 4/5, x the even root.
    fn base() -> Extended {
        let y = Field::small(4).multiply(&Field::small(5).invert());
        Extended::decode(&y.encode()).unwrap()
    }

    #[test]
    fn d_is_the_fraction_and_no_square() {
        let half = Field::small(60_833);
        let divisor = half.add(&half);
        assert!(D.multiply(&divisor).equals(&Field::ONE.subtract(&divisor)));
        assert!(D.root_of_quotient(&Field::ONE).is_none());
    }

    #[test]
    fn multiples_of_base_are_what_they_are_called() {
        let mut multiples = [Addend::NOTHING; 4];
        base().odd_multiples(&mut multiples);
        // The same points with other Z.
        for (known, computed) in MULTIPLES_OF_BASE.iter().zip(multiples) {
            let one_by_z = computed.double_z.invert().multiply(&Field::small(2));
            assert!(computed.sum.multiply(&one_by_z).equals(&known.sum));
            assert!(computed.difference.multiply(&one_by_z).equals(&known.difference));
            assert!(computed.double_dt.multiply(&one_by_z).equals(&known.double_dt));
            assert!(known.double_z.equals(&Field::small(2)));
        }
    }

    #[test]
    fn sum_of_a_point_and_its_negative_is_neutral() {
        let base = base();
        let nothing = base.add(&base.addend(), Sign::Minus).projective();
        assert!(nothing.x.is_zero() && nothing.y.equals(&nothing.z));
        let mut encoded = base.projective().encode();
        encoded[31] ^= 0x80;
        let same = Extended::decode(&encoded)
            .unwrap()
            .add(&base.addend(), Sign::Plus)
            .projective();
        assert!(same.x.is_zero() && same.y.equals(&same.z));
        assert!(!base.is_small_order());
    }
}
