use anyhow::Result;
use plotters::prelude::*;

/// A solver's name, and evaluations with error.
pub type Curve = (&'static str, Vec<(f64, f64)>);

/// Draws the curves on logarithmic axes into an SVG file.
pub fn draw(path: &str, curves: &[Curve]) -> Result<()> {
    let area = SVGBackend::new(path, (900, 600)).into_drawing_area();
    area.fill(&WHITE)?;
    let errors = || curves.iter().flat_map(|(_, points)| points.iter().map(|(_, error)| *error));
    let (low, high) = (errors().fold(1.0, f64::min), errors().fold(0.0, f64::max));
    let mut chart = ChartBuilder::on(&area)
        .margin(15)
        .margin_right(260)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d((6.0..140.0).log_scale(), (low / 2.0..high * 2.0).log_scale())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(BLACK.mix(0.15))
        .x_labels(4)
        .x_label_formatter(&|evaluations| format!("{evaluations:.0}"))
        .x_desc("evaluations of the network")
        .y_desc("error")
        .y_label_formatter(&|error| format!("{error:.0e}"))
        .draw()?;
    for (index, (name, points)) in curves.iter().enumerate() {
        let colour =
            HSLColor(index as f64 / curves.len() as f64, 0.8, if index % 2 == 0 { 0.35 } else { 0.55 });
        chart.draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?;
        let height = 30 + 30 * index as i32;
        area.draw(&PathElement::new([(660, height + 6), (685, height + 6)], colour.stroke_width(3)))?;
        area.draw(&Text::new(*name, (692, height), ("sans-serif", 13)))?;
    }
    area.present()?;
    Ok(())
}
