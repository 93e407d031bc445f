//! Scripted outages with figures: `drills [NAME…]`. `make drills` starts the services that it kills.
//! `DRILL_SHARE`, from 0.01 to 1, shortens every outage.

#![forbid(unsafe_code)]

use std::{env, error::Error, process::ExitCode};

use e2e::drills::{self, Share};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let share = env::var("DRILL_SHARE").map_or(Ok(1.0), |text| text.parse())?;
    let share = Share::new(share).ok_or("DRILL_SHARE wants a number from 0.01 to 1")?;
    let names: Vec<_> = env::args().skip(1).collect();
    let held = drills::run(&names, share).await?;
    Ok(if held {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
