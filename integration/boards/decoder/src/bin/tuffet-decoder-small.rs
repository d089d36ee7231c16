//! The decoder of the small profile: it makes the new image from what the host put there.
#![no_std]
#![no_main]

tuffet_decoder::decode_with!(SmallState);
