//! Numbers modulo p = 2^255 - 19, in sixteen limbs of sixteen bits.
//!
//! - The product of two limbs fits the one multiplication that a Cortex-M0 has, 32 bits by 32 bits to 32.
//! - Between operations a number may be anything below 2^256: it is known up to multiples of p. What is carried out above
//!   comes back in below, 38 for each 2^256, since 2^256 = 2p + 38. Only [`Field::encode`] finds the one below p.
//! - Loops instead of unrolled limbs: small parts have more time than flash.

// Invariant: no sum here overflows, by the bounds that stand beside it. In tests an overflow panics, so that they are tried.
#![allow(clippy::arithmetic_side_effects)]

const LIMBS: usize = 16;

/// A number modulo p, limbs from low to high.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Field(pub [u16; LIMBS]);

/// What 2^256 is modulo p.
const FOLD: u16 = 38;

impl Field {
    pub const ZERO: Self = Self::small(0);
    pub const ONE: Self = Self::small(1);

    /// A number that fits one limb.
    pub const fn small(value: u16) -> Self {
        Self([value, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    /// Reads 255 bits, from low to high. Values from p on are taken modulo p; the bit above them is not looked at.
    pub fn decode(bytes: &[u8; 32]) -> Self {
        let (pairs, _) = bytes.as_chunks();
        let mut limbs = [0; LIMBS];
        for (limb, pair) in limbs.iter_mut().zip(pairs) {
            *limb = u16::from_le_bytes(*pair);
        }
        take_bit_255(&mut limbs);
        Self(limbs)
    }

    /// The one spelling below p.
    pub fn encode(&self) -> [u8; 32] {
        let mut limbs = self.0;
        // Below 2^255 + 19.
        let high = take_bit_255(&mut limbs);
        add_small(&mut limbs, i32::from(high) * 19);
        // From p on, 19 more reach 2^255, which leaves what there is above p.
        let mut above = limbs;
        add_small(&mut above, 19);
        if take_bit_255(&mut above) == 1 {
            limbs = above;
        }
        let mut bytes = [0; 32];
        let (pairs, _) = bytes.as_chunks_mut();
        for (pair, limb) in pairs.iter_mut().zip(limbs) {
            *pair = limb.to_le_bytes();
        }
        bytes
    }

    #[inline(never)]
    pub fn add(&self, other: &Self) -> Self {
        combine(self, other, |a, b| a + b)
    }

    #[inline(never)]
    pub fn subtract(&self, other: &Self) -> Self {
        combine(self, other, |a, b| a - b)
    }

    pub fn negate(&self) -> Self {
        Self::ZERO.subtract(self)
    }

    #[inline(never)]
    pub fn multiply(&self, other: &Self) -> Self {
        let mut product = [0; 2 * LIMBS];
        for (position, factor) in self.0.iter().enumerate() {
            if let Some(row) = product.get_mut(position..).and_then(<[u16]>::first_chunk_mut) {
                add_multiple(row, &other.0, *factor);
            }
        }
        reduce(&product)
    }

    /// Half of the products of limbs are there twice, but code that leaves them out gains little, and takes flash.
    pub fn square(&self) -> Self {
        self.multiply(self)
    }

    /// Squared this many times.
    fn square_times(&self, times: u32) -> Self {
        (0..times).fold(*self, |power, _| power.square())
    }

    /// To the power of 2^252 - 3, which is (p - 5) / 8.
    #[inline(never)]
    fn power_of_root(&self) -> Self {
        // `ones` of n is the power of 2^n - 1; those of m and n make that of m + n.
        let join = |ones_m: &Self, ones_n: &Self, n| ones_m.square_times(n).multiply(ones_n);
        let ones_2 = join(self, self, 1);
        let ones_4 = join(&ones_2, &ones_2, 2);
        let ones_5 = join(&ones_4, self, 1);
        let ones_10 = join(&ones_5, &ones_5, 5);
        let ones_20 = join(&ones_10, &ones_10, 10);
        let ones_40 = join(&ones_20, &ones_20, 20);
        let ones_50 = join(&ones_40, &ones_10, 10);
        let ones_100 = join(&ones_50, &ones_50, 50);
        let ones_200 = join(&ones_100, &ones_100, 100);
        let ones_250 = join(&ones_200, &ones_50, 50);
        join(&ones_250, self, 2)
    }

    /// One divided by it; zero for zero. Fermat: the power of p - 2, which is 8 (2^252 - 3) + 3.
    pub fn invert(&self) -> Self {
        let cube = self.square().multiply(self);
        self.power_of_root().square_times(3).multiply(&cube)
    }

    /// A square root of `self / divisor`; nothing if there is none. Of zero it is zero, whatever the divisor.
    ///
    /// RFC 8032 5.1.3, step 2 and 3: the candidate is u v^3 (u v^7)^((p - 5) / 8). `divisor` is never zero where it is
    /// called: d y^2 = -1 has no solution.
    pub fn root_of_quotient(&self, divisor: &Self) -> Option<Self> {
        let cube = divisor.square().multiply(divisor);
        let seventh = cube.square().multiply(divisor);
        let power = self.multiply(&seventh).power_of_root();
        let root = self.multiply(&cube).multiply(&power);
        let check = root.square().multiply(divisor);
        if check.equals(self) {
            Some(root)
        } else if check.equals(&self.negate()) {
            Some(root.multiply(&ROOT_OF_MINUS_ONE))
        } else {
            None
        }
    }

    pub fn equals(&self, other: &Self) -> bool {
        self.encode() == other.encode()
    }

    pub fn is_zero(&self) -> bool {
        self.equals(&Self::ZERO)
    }

    /// Whether the spelling below p is odd: which of two roots it is.
    pub fn is_odd(&self) -> bool {
        let [lowest, ..] = self.encode();
        lowest & 1 == 1
    }
}

/// A square root of -1.
const ROOT_OF_MINUS_ONE: Field = Field([
    0xa0b0, 0x4a0e, 0x1b27, 0xc4ee, 0xe478, 0xad2f, 0x1806, 0x2f43, 0xd7a7, 0x3dfb, 0x0099, 0x2b4d, 0xdf0b, 0x4fc1,
    0x2480, 0x2b83,
]);

/// The low sixteen bits.
fn low(value: u32) -> u16 {
    let [first, second, _, _] = value.to_le_bytes();
    u16::from_le_bytes([first, second])
}

/// Clears bit 255 and says what it was.
fn take_bit_255(limbs: &mut [u16; LIMBS]) -> u16 {
    let [.., highest] = limbs;
    let bit = *highest >> 15;
    *highest &= 0x7fff;
    bit
}

/// Adds a number limb by limb and says what is carried out above.
///
/// `carry` is between -2^30 and 2^30, so that there is room for a limb.
fn add_small(limbs: &mut [u16; LIMBS], mut carry: i32) -> i32 {
    for limb in limbs {
        let sum = i32::from(*limb) + carry;
        *limb = low(sum.cast_unsigned());
        carry = sum >> 16;
    }
    carry
}

/// Brings in below what was carried out above, until nothing is.
///
/// `carry` is between -1 and 38. Twice is enough: where the first time carries again, it leaves less than 38 * 38 in the limbs,
/// and where it borrows again, at most 38 is missing to 2^256.
fn fold(limbs: &mut [u16; LIMBS], mut carry: i32) {
    while carry != 0 {
        carry = add_small(limbs, carry * i32::from(FOLD));
    }
}

/// Combines two numbers limb by limb; `limb` of two limbs is between -2^16 and 2^17.
fn combine(a: &Field, b: &Field, limb: fn(i32, i32) -> i32) -> Field {
    let mut carry = 0;
    let mut limbs = [0; LIMBS];
    for (place, (a, b)) in limbs.iter_mut().zip(a.0.iter().zip(&b.0)) {
        let sum = limb(i32::from(*a), i32::from(*b)) + carry;
        *place = low(sum.cast_unsigned());
        carry = sum >> 16;
    }
    fold(&mut limbs, carry);
    Field(limbs)
}

/// Adds a multiple of a number to a row; what it carries is added to the last place, where there has to be room.
///
/// A product of two limbs leaves room in 32 bits for exactly two limbs more: (2^16 - 1)^2 + 2 (2^16 - 1) = 2^32 - 1.
///
/// Nearly all the time of a verification goes by in here. The steps stand in a row, so that none of it goes into counting; for
/// a Cortex-M0 that is no more code than a loop, since a loop needs more registers than it has.
#[inline(never)]
fn add_multiple(row: &mut [u16; LIMBS + 1], limbs: &[u16; LIMBS], factor: u16) {
    let [places @ .., last] = row;
    let mut carry = 0;
    if let ([p0, p1, p2, p3], [l0, l1, l2, l3]) = (places.as_chunks_mut().0, limbs.as_chunks().0) {
        carry = add_four(p0, l0, factor, carry);
        carry = add_four(p1, l1, factor, carry);
        carry = add_four(p2, l2, factor, carry);
        carry = add_four(p3, l3, factor, carry);
    }
    *last += low(carry);
}

#[inline(always)]
fn add_four([p0, p1, p2, p3]: &mut [u16; 4], [l0, l1, l2, l3]: &[u16; 4], factor: u16, mut carry: u32) -> u32 {
    let mut step = |place: &mut u16, limb: u16| {
        let sum = u32::from(limb) * u32::from(factor) + u32::from(*place) + carry;
        *place = low(sum);
        carry = sum >> 16;
    };
    step(p0, *l0);
    step(p1, *l1);
    step(p2, *l2);
    step(p3, *l3);
    carry
}

/// Brings in below what a product has from 2^256 on.
fn reduce(product: &[u16; 2 * LIMBS]) -> Field {
    let mut row = [0; LIMBS + 1];
    let (low_half, high_half) = product.split_at(LIMBS);
    for (place, limb) in row.iter_mut().zip(low_half) {
        *place = *limb;
    }
    if let Some(high_half) = high_half.first_chunk() {
        add_multiple(&mut row, high_half, FOLD);
    }
    let [limbs @ .., carry] = row;
    let mut field = Field(limbs);
    fold(&mut field.0, i32::from(carry));
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::array;
    use proptest::prelude::*;

    /// Of all limbs, those at the ends are where carries go wrong.
    fn field() -> impl Strategy<Value = Field> {
        let limb = prop_oneof![
            Just(0u16),
            Just(1),
            Just(0x7fff),
            Just(0x8000),
            Just(0xffff),
            any::<u16>()
        ];
        let mixed = array::from_fn::<_, LIMBS, _>(|_| limb.clone()).prop_map(Field);
        let near_p = (0u16..80).prop_map(|above| {
            let mut limbs = [0xffff; LIMBS];
            limbs[0] = 0xffb0 + above;
            limbs[15] = 0x7fff;
            Field(limbs)
        });
        prop_oneof![3 => mixed, 1 => near_p.clone(), 1 => near_p.prop_map(|mut field| {
            field.0[15] = 0xffff;
            field
        })]
    }

    /// Modulo p, one bit after another: as slow as it is plain.
    fn times(a: &Field, b: &Field) -> Field {
        let mut sum = Field::ZERO;
        for bit in (0..256).rev() {
            sum = sum.add(&sum);
            if a.0[bit / 16] >> (bit % 16) & 1 == 1 {
                sum = sum.add(b);
            }
        }
        sum
    }

    fn hex(field: &Field) -> std::string::String {
        field
            .encode()
            .iter()
            .rev()
            .map(|byte| std::format!("{byte:02x}"))
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn sum_and_difference_undo_each_other(a in field(), b in field()) {
            prop_assert!(a.add(&b).subtract(&b).equals(&a));
            prop_assert!(a.subtract(&b).add(&b).equals(&a));
            prop_assert!(a.subtract(&a).is_zero());
            prop_assert!(a.add(&a.negate()).is_zero());
        }

        #[test]
        fn product_is_the_sum_of_its_bits(a in field(), b in field()) {
            prop_assert!(a.multiply(&b).equals(&times(&a, &b)));
            prop_assert!(a.square().equals(&times(&a, &a)));
        }

        #[test]
        fn encoding_is_below_p_and_is_decoded(a in field()) {
            let bytes = a.encode();
            prop_assert!(bytes[31] < 0x80);
            prop_assert!(bytes[0] < 0xed || bytes[31] < 0x7f || bytes[1..31].iter().any(|byte| *byte != 0xff));
            prop_assert_eq!(Field::decode(&bytes).encode(), bytes);
            prop_assert!(Field::decode(&bytes).equals(&a));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn quotient_and_root(a in field(), b in field()) {
            let quotient = a.multiply(&b.invert());
            prop_assert!(b.is_zero() || quotient.multiply(&b).equals(&a));
            // Of a number and its negative both or none are squares; of a square there is a root.
            let square = a.square();
            if !b.is_zero() {
                let root = square.multiply(&b).root_of_quotient(&b);
                prop_assert!(root.is_some_and(|root| root.square().equals(&square)));
            }
        }
    }

    #[test]
    fn two_has_no_root_and_minus_one_has() {
        assert!(Field::small(2).root_of_quotient(&Field::ONE).is_none());
        assert!(ROOT_OF_MINUS_ONE.square().equals(&Field::ONE.negate()));
        assert!(Field::ZERO.root_of_quotient(&Field::ONE).unwrap().is_zero());
    }

    #[test]
    fn edges_are_what_they_are() {
        let p = Field([
            0xffed, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff, 0xffff,
            0xffff, 0xffff, 0x7fff,
        ]);
        assert!(p.is_zero());
        assert!(Field([0xffff; LIMBS]).equals(&Field::small(37)));
        assert_eq!(hex(&Field::ONE.negate()), std::format!("7f{}ec", "ff".repeat(30)));
        assert!(Field([0xffff; LIMBS]).square().equals(&Field::small(37 * 37)));
    }
}
