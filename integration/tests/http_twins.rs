//! A small device over real HTTP: a whole update from a server on this machine, waited for and awaited.

mod small;

use embedded_io::ErrorType;
use small::*;
use tuffet_integration::device::small::identity;
use tuffet_integration::flash_device::http::{Place, Socket, SocketError};
use tuffet_integration::server::Server;
use tuffet_integration::simulator::Simulator;
use tuffet_integration::site::Fault;
use tuffet_no_std_client::http::{AsyncConnect, Connect as _, Http};
use tuffet_no_std_client::{Outcome, Stop};

const TIMESTAMP: &str = "metadata/timestamp.json";

impl ErrorType for Slow<Socket> {
    type Error = SocketError;
}

impl embedded_io_async::Read for Slow<Socket> {
    async fn read(&mut self, space: &mut [u8]) -> Result<usize, SocketError> {
        later().await;
        embedded_io::Read::read(&mut self.0, space)
    }
}

impl embedded_io_async::Write for Slow<Socket> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, SocketError> {
        later().await;
        embedded_io::Write::write(&mut self.0, bytes)
    }

    async fn flush(&mut self) -> Result<(), SocketError> {
        embedded_io::Write::flush(&mut self.0)
    }
}

impl AsyncConnect for Slow<Socket> {
    async fn connect(&mut self) -> Result<(), SocketError> {
        later().await;
        self.0.connect()
    }

    fn close(&mut self) {
        self.0.close();
    }
}

/// Path, offset, and whether it was conditional.
fn asked(server: &Server) -> Vec<(String, Option<usize>, bool)> {
    let requests = server.requests();
    let asked = requests.iter().map(|request| {
        (
            request.path.clone(),
            request.range_from(),
            request.if_none_match().is_some(),
        )
    });
    asked.collect()
}

#[test]
fn over_http_awaited_it_does_the_very_same() {
    let healthy = Simulator::healthy(NOW);
    let mut next = with_delta(&healthy).site;
    let patch = next.paths().find(|path| path.ends_with("small_delta.patch"));
    let patch = patch.unwrap().to_owned();
    // The first answer ends in the middle of a block; the rest is asked for by range.
    next.fault_once(&patch, Fault::Reset { bytes: 700 });
    let device = identity();
    let servers = [(); 2].map(|()| Server::start(healthy.site.clone()).unwrap());
    let flashes = [(); 2].map(|()| factory(&device, &healthy));
    let mut place = Place::new(&servers[0].url()).unwrap();
    let (address, mut buffer) = (servers[1].address(), [0; 64]);
    let host = address.to_string();
    let (mut http, mut slow) = (
        place.http(),
        Http::new(Slow(Socket::to(address)), &host, "/", &mut buffer),
    );
    let (mut one, mut other) = (client(&device, &flashes[0], at(0)), client(&device, &flashes[1], at(0)));
    for (site, is_new) in [(&healthy.site, false), (&healthy.site, false), (&next, true)] {
        servers.iter().for_each(|server| server.serve(site.clone()));
        let now = one.due_at();
        let outcome = one.turn(&mut http, now, 7);
        assert_eq!(wait(other.turn_async(&mut slow, now, 7)), outcome);
        assert_eq!(slow.received(), http.received());
        assert_eq!(asked(&servers[0]), asked(&servers[1]));
        assert!(flashes[0].borrow().contents() == flashes[1].borrow().contents());
        if is_new {
            assert!(matches!(outcome, Ok(Outcome::Installed { .. })), "{outcome:?}");
        } else {
            assert_eq!(outcome, Ok(Outcome::UpToDate));
        }
    }
    let ranges: Vec<_> = asked(&servers[0])
        .into_iter()
        .filter(|(path, ..)| *path == patch)
        .collect();
    assert_eq!(ranges, [(patch.clone(), None, false), (patch, Some(700), false)]);
}

#[test]
fn server_that_is_busy_says_so_to_the_schedule() {
    let healthy = Simulator::healthy(NOW);
    let mut site = healthy.site.clone();
    let busy = Fault::Status {
        code: 503,
        retry_after_s: Some(5_000),
    };
    site.fault(TIMESTAMP, busy);
    let (device, server) = (identity(), Server::start(site).unwrap());
    let flash = factory(&device, &healthy);
    let mut place = Place::new(&server.url()).unwrap();
    let (mut http, mut client) = (place.http(), client(&device, &flash, at(0)));
    assert_eq!(client.turn(&mut http, at(0), 0), Err(Stop::Transport));
    assert_eq!(http.failed().unwrap().to_string(), "the server answered 503");
    assert!(client.due_at() >= at(5_000), "{}", client.due_at());
}
