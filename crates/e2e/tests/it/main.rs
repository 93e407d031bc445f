//! What a shop sees of the whole system, also while parts of it die.

mod chaos;
mod faults;
mod flow;
mod identical;
mod killer;
mod settings;
mod sources;
mod workers;
