use std::io::Write;

use serde_json::json;
use tuffet_server::{
    event::{Event, Log},
    resign::Resigned,
};

/// Events as lines: news on standard output, trouble on standard error; with `--json` everything on standard output.
pub struct Console {
    json: bool,
    requests: bool,
}

impl Console {
    pub fn new(json: bool, requests: bool) -> Self {
        Self { json, requests }
    }
}

impl Log for Console {
    fn record(&self, event: &Event<'_>) {
        if matches!(event, Event::Request { .. }) && !self.requests {
            return;
        }
        // Nobody reads any more: serving goes on without words.
        if self.json {
            let _ = writeln!(std::io::stdout(), "{}", as_json(event));
        } else if is_trouble(event) {
            let _ = writeln!(std::io::stderr(), "warning: {}", as_text(event));
        } else {
            let _ = writeln!(std::io::stdout(), "{}", as_text(event));
        }
    }
}

fn is_trouble(event: &Event<'_>) -> bool {
    matches!(
        event,
        Event::FileFailed { .. } | Event::AcceptFailed { .. } | Event::Busy { .. } | Event::ResignFailed { .. }
    )
}

fn as_text(event: &Event<'_>) -> String {
    match event {
        Event::Listening { address } => format!("listening on http://{address}"),
        Event::Request {
            method,
            path,
            status,
            bytes,
        } => {
            format!("{method} {} {} {bytes}", path.escape_default(), status.as_u16())
        }
        Event::FileFailed { error } => error.to_string(),
        Event::AcceptFailed { error } => format!("cannot accept connections: {error}"),
        Event::Busy { connections_max } => {
            format!("all {connections_max} connections are taken; one client was told to come back later")
        }
        Event::Resigned { resigned } => match resigned {
            Resigned::Snapshot {
                timestamp_version,
                expires,
            } => {
                format!("signed snapshot and timestamp {timestamp_version} again, valid until {expires}")
            }
            Resigned::Timestamp {
                timestamp_version,
                expires,
            } => {
                format!("signed timestamp {timestamp_version} again, valid until {expires}")
            }
            Resigned::NotDue => "nothing to sign again".to_owned(),
        },
        Event::ResignFailed { error } => format!("trouble with signing the timestamp again: {error}"),
        Event::Stopping { connections } => format!("stopping, {connections} connections open"),
        Event::Stopped { cut_off: 0 } => "stopped".to_owned(),
        Event::Stopped { cut_off } => format!("stopped, {cut_off} answers cut off"),
        other => format!("{other:?}"),
    }
}

fn as_json(event: &Event<'_>) -> serde_json::Value {
    match event {
        Event::Listening { address } => json!({"event": "listening", "url": format!("http://{address}")}),
        Event::Request {
            method,
            path,
            status,
            bytes,
        } => {
            json!({"event": "request", "method": method.as_str(), "path": path, "status": status.as_u16(), "bytes": bytes})
        }
        Event::FileFailed { error } => json!({"event": "file_failed", "message": error.to_string()}),
        Event::AcceptFailed { error } => json!({"event": "accept_failed", "message": error.to_string()}),
        Event::Busy { connections_max } => json!({"event": "busy", "connections_max": connections_max}),
        Event::Resigned { resigned } => match resigned {
            Resigned::Snapshot {
                timestamp_version,
                expires,
            } => {
                json!({"event": "resigned", "role": "snapshot", "timestamp_version": timestamp_version, "expires": expires.to_string()})
            }
            Resigned::Timestamp {
                timestamp_version,
                expires,
            } => {
                json!({"event": "resigned", "role": "timestamp", "timestamp_version": timestamp_version, "expires": expires.to_string()})
            }
            Resigned::NotDue => json!({"event": "not_due"}),
        },
        Event::ResignFailed { error } => json!({"event": "resign_failed", "message": error.to_string()}),
        Event::Stopping { connections } => json!({"event": "stopping", "connections": connections}),
        Event::Stopped { cut_off } => json!({"event": "stopped", "cut_off": cut_off}),
        other => json!({"event": "other", "message": format!("{other:?}")}),
    }
}
