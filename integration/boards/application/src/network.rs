//! One TCP connection at a time, over the network chip.

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpCidr, IpEndpoint, Ipv4Address, Ipv4Cidr};
use tuffet_mps2::{Clock, Lan9118, watchdog};

/// Who the board is in the emulator's network, and who carries its packets on.
const OWN_ADDRESS: Ipv4Cidr = Ipv4Cidr::new(Ipv4Address::new(10, 0, 2, 15), 24);
const GATEWAY: Ipv4Address = Ipv4Address::new(10, 0, 2, 2);

/// How long the other side may say nothing, in microseconds.
const PATIENCE_US: u64 = 10_000_000;
/// Ports of one's own begin here.
const FIRST_PORT: u16 = 49_152;

const RECEIVE_BYTES: usize = 4_096;
const SEND_BYTES: usize = 512;

/// Room for what comes and goes.
pub struct Buffers<'b> {
    receive: [u8; RECEIVE_BYTES],
    send: [u8; SEND_BYTES],
    sockets: [SocketStorage<'b>; 1],
}

/// The network, and the connection in it.
pub struct Network<'b> {
    clock: &'b Clock,
    chip: Lan9118,
    interface: Interface,
    sockets: SocketSet<'b>,
    connection: SocketHandle,
    port: u16,
    waited_us: u64,
}

/// Why a connection is of no use any more.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub enum Broken {
    /// Nobody is there, or the other side broke off.
    Closed,
    /// The other side says nothing.
    Silent,
}

impl Buffers<'_> {
    /// Empty ones.
    pub fn new() -> Self {
        Self {
            receive: [0; RECEIVE_BYTES],
            send: [0; SEND_BYTES],
            // Not the constant: that would stand in flash, with all the room for a socket.
            sockets: [SocketStorage::default()],
        }
    }
}

impl<'b> Network<'b> {
    /// Starts the network chip; `None` if there is none. The seed should be another one after each start.
    pub fn start(clock: &'b Clock, buffers: &'b mut Buffers<'b>, seed: u64) -> Option<Self> {
        let mut chip = Lan9118::start()?;
        let address = EthernetAddress(chip.address());
        let mut config = Config::new(address.into());
        config.random_seed = seed;
        let mut interface = Interface::new(config, &mut chip, now(clock));
        interface.update_ip_addrs(|addresses| {
            // There is room for one, and it is the first.
            let _ = addresses.push(IpCidr::Ipv4(OWN_ADDRESS));
        });
        interface.routes_mut().add_default_ipv4_route(GATEWAY).ok()?;
        let socket = tcp::Socket::new(
            tcp::SocketBuffer::new(&mut buffers.receive[..]),
            tcp::SocketBuffer::new(&mut buffers.send[..]),
        );
        let mut sockets = SocketSet::new(&mut buffers.sockets[..]);
        let connection = sockets.add(socket);
        Some(Self {
            clock,
            chip,
            interface,
            sockets,
            connection,
            // The other side must not take the first connection after a start for one before it.
            port: FIRST_PORT + ((seed ^ seed >> 32) as u16 & 0x3FFF),
            waited_us: 0,
        })
    }

    /// Moves packets, and tells the watchdog that the program is alive.
    pub fn poll(&mut self) {
        watchdog::pet();
        self.interface.poll(now(self.clock), &mut self.chip, &mut self.sockets);
    }

    fn socket(&mut self) -> &mut tcp::Socket<'b> {
        self.sockets.get_mut(self.connection)
    }

    /// Moves packets until the connection is ready.
    fn wait(&mut self, is_ready: fn(&tcp::Socket<'_>) -> bool) -> Result<&mut tcp::Socket<'b>, Broken> {
        let began = self.clock.uptime_us();
        loop {
            self.poll();
            let went_by_us = self.clock.uptime_us() - began;
            let is_over = is_ready(self.socket());
            if is_over || went_by_us > PATIENCE_US {
                self.waited_us += went_by_us;
                let socket = self.socket();
                if is_over {
                    return Ok(socket);
                }
                socket.abort();
                return Err(Broken::Silent);
            }
        }
    }

    /// Microseconds that went by while the other side was waited for.
    pub const fn waited_us(&self) -> u64 {
        self.waited_us
    }

    /// Connects to a server. What was open before is closed.
    pub fn connect(&mut self, server: IpEndpoint) -> Result<(), Broken> {
        self.close();
        self.port = FIRST_PORT + (self.port + 1 - FIRST_PORT) % (u16::MAX - FIRST_PORT);
        let port = self.port;
        let socket = self.sockets.get_mut::<tcp::Socket<'b>>(self.connection);
        let begun = socket.connect(self.interface.context(), server, port);
        begun.map_err(|_| Broken::Closed)?;
        let socket = self.wait(|socket| !matches!(socket.state(), tcp::State::SynSent | tcp::State::SynReceived))?;
        match socket.state() {
            tcp::State::Closed => Err(Broken::Closed),
            _ => Ok(()),
        }
    }

    /// Closes the connection at once.
    pub fn close(&mut self) {
        self.socket().abort();
        // The other side is told.
        self.poll();
    }

    /// Brings bytes, at least one; 0 when the other side has said all.
    pub fn receive(&mut self, space: &mut [u8]) -> Result<usize, Broken> {
        let socket = self.wait(|socket| socket.can_recv() || !socket.may_recv())?;
        if socket.can_recv() {
            return socket.recv_slice(space).map_err(|_| Broken::Closed);
        }
        // The other side is done in good order, or it has broken off.
        match socket.state() {
            tcp::State::CloseWait | tcp::State::LastAck | tcp::State::TimeWait => Ok(0),
            _ => Err(Broken::Closed),
        }
    }

    /// Takes bytes to be sent, and says how many.
    pub fn send(&mut self, bytes: &[u8]) -> Result<usize, Broken> {
        let socket = self.wait(|socket| socket.can_send() || !socket.may_send())?;
        socket.send_slice(bytes).map_err(|_| Broken::Closed)
    }
}

fn now(clock: &Clock) -> Instant {
    Instant::from_micros(clock.uptime_us() as i64)
}
