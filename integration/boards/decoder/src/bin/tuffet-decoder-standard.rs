//! The decoder of the standard profile: it makes the new image from what the host put there.
#![no_std]
#![no_main]

tuffet_decoder::decode_with!(StandardState);
