//! A server of the files in some folders, for pages that need no program behind them.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::thread;

/// Serves the files of `folders` at its address, until the process ends.
pub fn serve(folders: Vec<PathBuf>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
            let Some(request) = lines.next() else { continue };
            lines.find(String::is_empty);
            let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/');
            let path = if path.is_empty() { "index.html" } else { path };
            let file = folders.iter().find_map(|folder| fs::read(folder.join(path)).ok());
            let kind = match path.rsplit('.').next() {
                Some("html") => "text/html",
                Some("js" | "mjs") => "text/javascript",
                Some("wasm") => "application/wasm",
                _ => "application/octet-stream",
            };
            let (status, body) = file.map_or(("404 Not Found", vec![]), |file| ("200 OK", file));
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(&[head.as_bytes(), &body].concat());
        }
    });
    address
}
