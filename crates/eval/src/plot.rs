use std::path::Path;

use anyhow::{Context, Result};
use plotters::prelude::*;

use crate::outcome::Series;
use crate::table::Figure;

/// Pixels of a plot.
const SIZE: (u32, u32) = (900, 500);

/// A bar for each subject of a row, its value beside it; those of models stand out.
///
/// # Errors
///
/// If the file cannot be written.
pub fn bars(path: &Path, title: &str, figures: &[Figure], of_model: impl Fn(&str) -> bool) -> Result<()> {
    let draw = || -> Result<()> {
        let area = SVGBackend::new(path, (SIZE.0, 60 + 32 * figures.len() as u32)).into_drawing_area();
        area.fill(&WHITE)?;
        area.draw(&Text::new(title, (12, 12), ("sans-serif", 18)))?;
        let most = figures.iter().map(|figure| figure.value).fold(f64::MIN_POSITIVE, f64::max);
        for (index, figure) in figures.iter().enumerate() {
            let top = 46 + 32 * index as i32;
            let right = 180 + (560.0 * (figure.value / most).max(0.0)) as i32;
            let colour = if of_model(&figure.subject) { RED.mix(0.6) } else { BLUE.mix(0.4) };
            area.draw(&Text::new(figure.subject.as_str(), (12, top + 3), ("sans-serif", 15)))?;
            area.draw(&Rectangle::new([(180, top), (right, top + 22)], colour.filled()))?;
            let value = match figure.stderr {
                Some(stderr) => format!("{:.3} ± {stderr:.3}", figure.value),
                None => format!("{:.3}", figure.value),
            };
            area.draw(&Text::new(value, (right + 8, top + 3), ("sans-serif", 15)))?;
        }
        Ok(area.present()?)
    };
    draw().with_context(|| format!("failed to draw {}", path.display()))
}

/// The curves of several subjects in one plot.
///
/// # Errors
///
/// If the file cannot be written.
pub fn curves(path: &Path, title: &str, curves: &[(&str, &Series)]) -> Result<()> {
    let Some((_, first)) = curves.first() else { return Ok(()) };
    let points = || curves.iter().flat_map(|(_, series)| series.points.iter());
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)))
    };
    let (left, right) = range(&mut points().map(|point| point.0));
    let (low, high) = range(&mut points().map(|point| point.1));
    let margin = 0.05 * (high - low).max(high.abs() * 1e-3).max(f64::MIN_POSITIVE);
    let draw = || -> Result<()> {
        let area = SVGBackend::new(path, SIZE).into_drawing_area();
        area.fill(&WHITE)?;
        let mut chart = ChartBuilder::on(&area)
            .caption(title, ("sans-serif", 18))
            .margin(15)
            .x_label_area_size(40)
            .y_label_area_size(70)
            .margin_right(170)
            .build_cartesian_2d(left..right, low.min(0.0)..high + margin)?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .x_label_formatter(&|x| format!("{x}"))
            .x_desc(&first.x)
            .y_desc(&first.y)
            .draw()?;
        for (index, (name, series)) in curves.iter().enumerate() {
            let colour = HSLColor(index as f64 / curves.len() as f64, 0.8, 0.4);
            let line = LineSeries::new(series.points.iter().copied(), colour.stroke_width(2));
            chart.draw_series(line)?;
            let (left, top) = (SIZE.0 as i32 - 160, 50 + 26 * index as i32);
            area.draw(&PathElement::new([(left, top + 6), (left + 25, top + 6)], colour.stroke_width(3)))?;
            area.draw(&Text::new(*name, (left + 33, top), ("sans-serif", 14)))?;
        }
        Ok(area.present()?)
    };
    draw().with_context(|| format!("failed to draw {}", path.display()))
}
