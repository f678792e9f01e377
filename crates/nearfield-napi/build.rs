//! Link settings of a Node-API addon.

#[allow(clippy::disallowed_methods)] // a build script is told its target by the environment
fn main() {
    napi_build::setup();
    // A worker that ends unloads the addon; with the code pinned, a thread that is still on its way
    // out never returns into unmapped pages.
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        println!("cargo:rustc-link-arg-cdylib=-Wl,-z,nodelete");
    }
}
