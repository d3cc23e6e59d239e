"""Write the PDF among the documents of `rag demo`: the handbook of a light station that does not exist.

    pip install reportlab
    python examples/make_demo_pdf.py [handbook.pdf]

The same release of reportlab gives the same bytes each time: dates, identifiers and fonts are fixed.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reportlab.lib.pagesizes import B5
from reportlab.lib.styles import ParagraphStyle
from reportlab.platypus import PageBreak, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import Flowable

DEFAULT_TARGET = Path(__file__).resolve().parent.parent / "rag" / "demo" / "documents" / "handbook.pdf"

TITLE = "Station Handbook"
PLACE = "Tolver Ness Light Station"
EDITION = "Fourth edition, 3 March 2025"

# "#" begins a chapter on a new page and "##" a section; lines with bars are a table; anything else is a paragraph.
HANDBOOK = """
# 1 The station and its story

Tolver Ness is a tidal island of eleven hectares, joined to the mainland by a causeway that the sea covers twice a day. A
light has burned here since 1861, and for most of that time people have lived beside it. This handbook is for everyone who
looks after the station now: staff, volunteers, and the engineers who visit us. It tells how the place came to be, how its
machines work, and what we do when something goes wrong. Where the handbook and your own judgement differ about safety, follow
the more careful of the two, and tell the station manager, Ines Calloway, afterwards.

## Building the tower

For thirty years the merchants of Harrowby asked for a light on the Ness. They were refused until the night of 9 February
1856, when the packet steamer Constance struck the outer reef and 41 people drowned. The engineer Edmund Varley began work in
the spring of 1858. His masons cut the granite on the mainland, fitted every course together in a field to try it, and brought
the numbered blocks across in flat barges. The tower took four summers to build and cost 23,400 pounds. Its lamp was lit for
the first time on 1 October 1861.

The tower is 34 metres tall from the rock to the weather vane. There are 142 steps from the door to the lantern room. The wall
is 2.1 metres thick at the base and 60 centimetres thick below the gallery.

## After the keepers

Three keepers and their families lived on the island until the light was automated. The last principal keeper, Alasdair
Tennant, locked the door on 27 April 1988 and handed the key to a technician. The houses then stood empty for fifteen years
and lost most of their slates. The Tolver Ness Trust bought the station for one pound in 2003 and opened it to visitors on 16
May 2009. The light itself still belongs to the lighthouse authority, which watches it from a control room 300 kilometres
away.

# 2 The lens and the light

The lens is the heart of the station, and the reason why most visitors climb the stairs. It is a second-order Fresnel lens,
made in Paris in 1860. It stands 2.2 metres high, weighs 1.6 tonnes without its pedestal, and holds 312 prisms in a frame of
gunmetal. Eleven of the prisms were chipped in 1944, when a mine exploded on the reef; the chips face the land, so no sailor
has ever missed them.

## What the mariner sees

The light shows two white flashes every 20 seconds. It can be seen from 19 nautical miles in clear weather, because the lamp
stands 51 metres above mean high water. A window of red glass covers the outer reef, so a ship that sees the light turn red is
standing into danger. Since 2011 the source has been an LED lamp of 70 watts, no larger than a jam jar. The electric bulb
before it drew 1,000 watts, and the paraffin burner before that used about 3 litres of fuel on a winter night.

## Turning the lens

One full turn of the lens takes 40 seconds. Until 1938 it was driven by clockwork: a weight of 180 kilograms sank through a
shaft in the middle of the stairs, and a keeper wound it up again every 50 minutes. An electric motor does the work today. The
lens used to float in a trough of mercury. The mercury was taken away in 2006, and a sealed roller bearing was put in its
place. The bearing is greased on the first of March and the first of September, with the grease in the yellow tin and no
other.

## Cleaning the glass

Two trained people clean the lens on the first Monday of each month. They take off rings, watches and belt buckles first. The
glass is washed with one part of spirit vinegar in ten parts of distilled water and dried with linen cloths. Paper towels
scratch it and are forbidden. The lantern curtains must be drawn in daylight, because sunshine through the lens can set fire
to the room.

# 3 Energy and water

No cable and no pipe comes to us from the mainland. What the station uses it makes, catches or carries across the sand.

## Electricity

Twenty-four solar panels lie on the south roof of the old oil store and give up to 9.6 kilowatts. A battery of 40
kilowatt-hours in the room below them keeps the station going at night. The diesel generator starts by itself when the battery
falls below 20 percent, and stops when it has reached 80 percent. The engineer, Piet Hoekstra, tests the generator every
Thursday at 10:00 for fifteen minutes. Fuel comes by barge at the spring tides.

| Season | Solar (kWh a day) | Used (kWh a day) | Generator (hours a week) |
| Spring | 29 | 17 | less than 1 |
| Summer | 41 | 16 | less than 1 |
| Autumn | 18 | 19 | 2 |
| Winter | 7 | 24 | 15 |

The table gives the means of the years 2019 to 2024. Electric heaters are not allowed in any building: one of them would use
in an evening what the panels make on a winter day. The houses are warmed by wood stoves, and the museum store by a heat pump.

## Water

The island has no spring, so the station lives on rain. Water from all the roofs runs into a cistern that Varley's masons cut
under the yard. The cistern holds 60,000 litres of rain water. A full cistern lasts about five months. The water passes
through a sand filter and an ultraviolet lamp, and only the kitchen tap with the blue handle gives drinking water. When the
water in the cistern stands below 90 centimetres on the brass rod, the showers are closed.

## When the power fails

The lamp in the tower has a battery of its own that lasts ten hours. Leave it alone: it belongs to the authority. Look at the
panel in the battery room, write down the red numbers, and telephone the engineer before you touch a switch. Emergency
lanterns hang behind the door of every building.

# 4 Safety

Everyone on the island counts people. The wardens count them onto the causeway, the guides count them into the tower, and the
last guide of the day counts them out again. If the numbers differ, nobody goes home.

## The gallery

The gallery is the walkway outside the lantern room, 29 metres above the ground. No more than twelve people may be on it at
once. The gallery is closed to visitors when the wind reaches 17 metres per second. The wind is shown on the display beside
the foot of the stairs, and the guide reads it before every tour. Children under eight years may climb the tower but may not
go out on the gallery. Bags and sticks stay at the bottom.

## Thunderstorms

We clear the tower as soon as thunder follows lightning within 30 seconds. It opens again half an hour after the last thunder
is heard. Nobody waits under the flagstaff or touches the copper strip on the north wall, which carries lightning to the sea.

## Fire

A continuous bell means fire. Everyone walks to the boathouse slipway, which is the assembly point, and is counted there.
Smoke in the battery room is not a fire to fight: shut the door, stay out of the wind from it, and ring the fire brigade at
once. For all other small fires there are nine extinguishers, checked every January, and a bucket of sand on each landing of
the tower.

## Injury and illness

The defibrillator hangs in the porch of the boathouse and is not locked. First-aid boxes are kept in the kitchen, the
workshop, the ticket room and on the third landing. The rescue helicopter lands on the north lawn, so keep the washing line
there empty. Write every accident in the red book on the same day, however small.

## Caught by the tide

A white refuge hut on legs stands at marker post 14, half way along the causeway. It has blankets, water and a telephone that
rings in the station kitchen. Nobody walks out to fetch people from the hut: call the lifeboat.

# 5 The museum and its visitors

The museum fills the house of the principal keeper. It has 1,140 objects, of which about 200 are on show. The oldest is a
brass speaking trumpet of 1849, and the best loved is a doll that a keeper's daughter carved from a spar of the Marigold.

## Looking after the collection

The store is kept at 18 degrees and 50 percent relative humidity. The curator, Wen-Li Ashdown, reads both every morning and
airs the room on dry days. The station's logs fill 27 volumes, from 1861 to 1988. Readers may ask for one volume at a time,
and they use pencils, never pens. Nothing is lent to another museum for more than twelve months.

## Guided tours and schools

A guided tour of the tower takes 45 minutes and at most twelve people. The guide goes up last and comes down first. Schools
bring one adult for every six pupils. On Wednesdays there is a workshop called Signals at Sea, in which children learn to send
their names with flags and lamps; it is made for ages nine to thirteen. Classes book with the office at least four weeks
ahead.

## Lost and found

Things that visitors leave behind are kept for 60 days in the chest under the stairs, and then given to the charity shop in
Harrowby. Passports and telephones go to the police station on the next working day.

## Closing for the day

The bell is rung 45 minutes before the causeway closes, and a second time 15 minutes later. Then the closing guide works
through the list on the back of the door, always in the same order: count the visitors out, look into the tower from top to
bottom, draw the lantern curtains, switch off the museum, lock the gift shop, take down the flag. The keys go into the box in
the kitchen, and the guide telephones the mainland warden to say that the island is quiet. It has been the last sentence of
the day since 1861, when it was sent with a lamp.
"""

NAVY, RED, PALE = "#16324f", "#b3322b", "#eef2f6"
LEFT, RIGHT, TOP = 64, B5[0] - 64, B5[1] - 58
EDITION_TIMESTAMP = "1740960000"  # midnight (UTC) before the edition's day: the PDF's only date


def paragraph_styles() -> dict[str, ParagraphStyle]:
    """How chapters, sections, running text and the cells of the table look."""
    body = ParagraphStyle("body", fontName="Times-Roman", fontSize=11, leading=15, spaceAfter=8, allowWidows=0, allowOrphans=0)
    chapter = ParagraphStyle("chapter", fontName="Helvetica-Bold", fontSize=19, leading=24, textColor=NAVY, spaceAfter=9)
    section = ParagraphStyle(
        "section", parent=chapter, fontSize=12.5, leading=16, spaceBefore=6, spaceAfter=4, keepWithNext=True
    )
    cell = ParagraphStyle("cell", fontName="Helvetica", fontSize=9.5, leading=12)
    head = ParagraphStyle("head", parent=cell, fontName="Helvetica-Bold", textColor=NAVY)
    return {"body": body, "chapter": chapter, "section": section, "cell": cell, "head": head}


class OutlineHeading(Paragraph):
    """A heading that also stands in the PDF's outline."""

    def __init__(self, text: str, style: ParagraphStyle, level: int) -> None:
        super().__init__(text, style)
        self.level = level

    def draw(self) -> None:
        """Draw the heading and let the outline point to it."""
        name = self.getPlainText()
        self.canv.bookmarkPage(name)
        self.canv.addOutlineEntry(name, name, level=self.level)
        super().draw()


def build_table(block: str, styles: dict[str, ParagraphStyle]) -> Table:
    """The block's lines as rows and what stands between the bars as cells; the first row is the head."""
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in block.splitlines()]
    cells = [[Paragraph(text, styles["head" if row is rows[0] else "cell"]) for text in row] for row in rows]
    looks = [
        ("BACKGROUND", (0, 0), (-1, 0), PALE),
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, NAVY),
        ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
    ]
    return Table(cells, colWidths=[50, 92, 97, 132], style=TableStyle(looks), spaceBefore=2, spaceAfter=10, hAlign="LEFT")


def flowables(text: str) -> Iterator[Flowable]:
    """The handbook's blocks in their order, each chapter on a new page; the first leaves room for the title."""
    styles = paragraph_styles()
    yield Spacer(1, 76)
    for number, block in enumerate(text.strip().split("\n\n")):
        if block.startswith("# "):
            if number:
                yield PageBreak()
            yield OutlineHeading(block[2:], styles["chapter"], level=0)
        elif block.startswith("## "):
            yield OutlineHeading(block[3:], styles["section"], level=1)
        elif block.startswith("|"):
            yield build_table(block, styles)
        else:
            yield Paragraph(" ".join(block.splitlines()), styles["body"])


class Booklet(SimpleDocTemplate):
    """Pages with a foot, which is drawn last so that readers of the PDF's text meet it last."""

    def afterPage(self) -> None:  # noqa: N802 (reportlab calls it)
        """Draw the foot of the page that is done."""
        draw_foot(self.canv)


def draw_foot(canvas: Canvas) -> None:
    """A line, and below it the title and the page's number."""
    canvas.setStrokeColor(NAVY)
    canvas.line(LEFT, 46, RIGHT, 46)
    canvas.setFillColor(NAVY)
    canvas.setFont("Helvetica", 8.5)
    canvas.drawString(LEFT, 33, f"{PLACE} · {TITLE}")
    canvas.drawRightString(RIGHT, 33, f"Page {canvas.getPageNumber()}")


def draw_title(canvas: Canvas, _frame: Booklet) -> None:
    """The title with a small lighthouse beside it."""
    canvas.setFillColor(NAVY)
    canvas.setFont("Helvetica-Bold", 27)
    canvas.drawString(LEFT, TOP - 24, TITLE)
    canvas.setFont("Helvetica", 10.5)
    canvas.drawString(LEFT, TOP - 43, f"{PLACE} · {EDITION}")
    draw_lighthouse(canvas, RIGHT - 50, TOP - 56)
    canvas.setStrokeColor(RED)
    canvas.setLineWidth(1.5)
    canvas.line(LEFT, TOP - 56, RIGHT, TOP - 56)
    canvas.setLineWidth(1)


def draw_lighthouse(canvas: Canvas, x: float, y: float) -> None:
    """A tower with its two beams, 64 points high, standing on the point (x, y)."""
    shapes: list[tuple[str, list[tuple[float, float]]]] = [
        (PALE, [(0, 50), (-70, 60), (-70, 42)]),  # beams
        (PALE, [(0, 50), (50, 59), (50, 43)]),
        (NAVY, [(-11, 0), (11, 0), (7, 44), (-7, 44)]),  # tower
        ("#ffffff", [(-9.5, 16), (9.5, 16), (8.5, 28), (-8.5, 28)]),  # white band
        (NAVY, [(-11, 44), (11, 44), (11, 46), (-11, 46)]),  # gallery
        (RED, [(-5, 46), (5, 46), (5, 55), (-5, 55)]),  # lantern
        (NAVY, [(-7, 55), (7, 55), (0, 64)]),  # roof
    ]
    for colour, corners in shapes:
        path = canvas.beginPath()
        path.moveTo(x + corners[0][0], y + corners[0][1])
        for across, up in corners[1:]:
            path.lineTo(x + across, y + up)
        path.close()
        canvas.setFillColor(colour)
        canvas.drawPath(path, stroke=0, fill=1)


def write_handbook(target: Path) -> None:
    """Lay out `HANDBOOK` on B5 pages."""
    os.environ["SOURCE_DATE_EPOCH"] = EDITION_TIMESTAMP  # reportlab takes the date of creation from it
    padding = 6  # of reportlab's own frame
    margins = {"leftMargin": LEFT - padding, "rightMargin": LEFT - padding, "topMargin": 58, "bottomMargin": 58}
    handbook = Booklet(
        str(target), pagesize=B5, invariant=1, title=f"{PLACE}: {TITLE}", author="Tolver Ness Trust", lang="en-GB", **margins
    )
    handbook.build(list(flowables(HANDBOOK)), onFirstPage=draw_title)


if __name__ == "__main__":
    write_handbook(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_TARGET)
