//! Tests of the whole user interface: keys as text, screens as snapshots, on a fixture like the design's pictures.

mod browse;
mod checks;
mod copy;
mod failures;
mod fitting;
mod fixture;
mod fuzz;
mod keys;
mod replay;
mod screens;
mod speed;
mod tabs;
mod widths;
mod words;
