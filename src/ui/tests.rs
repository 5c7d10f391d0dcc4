//! Tests of the whole user interface: screens as snapshots, keys as text.
