"""draw.py COLUMNS ROWS PNG FONTS - a screen as `tmux capture-pane -e -p` prints it (standard input), drawn cell by cell into a picture."""
import sys

import pyte
from PIL import Image, ImageDraw, ImageFont

SIZE = 26  # of the letters, in pixels: sharp on dense displays too
PAD = 24
PAPER, INK = "#15161e", "#d8dae6"
COLOURS = {
    "black": "#21222c", "red": "#ff6b6b", "green": "#5fd787", "brown": "#e5c07b", "blue": "#7aa2f7", "magenta": "#c678dd", "cyan": "#56c8d8", "white": "#d8dae6",
    "brightblack": "#7a7f99", "brightred": "#ff8787", "brightgreen": "#87ffaf", "brightbrown": "#ffd787", "brightyellow": "#ffd787", "brightblue": "#a9c1ff",
    "brightmagenta": "#e0a3f5", "brightcyan": "#9aedfe", "brightwhite": "#ffffff",
}


def colour(name, default):
    return default if name == "default" else COLOURS.get(name) or f"#{name}"



def main(columns, rows, png, fonts):
    screen = pyte.Screen(columns, rows)
    pyte.Stream(screen).feed(sys.stdin.read().rstrip("\n").replace("\n", "\r\n"))
    plain = ImageFont.truetype(f"{fonts}/DejaVuSansMono.ttf", SIZE)
    bold = ImageFont.truetype(f"{fonts}/DejaVuSansMono-Bold.ttf", SIZE)
    width, height = plain.getlength("M"), sum(plain.getmetrics())
    picture = Image.new("RGB", (round(columns * width) + 2 * PAD, rows * height + 2 * PAD), PAPER)
    draw = ImageDraw.Draw(picture)
    for row in range(rows):
        for column in range(columns):
            cell = screen.buffer[row][column]
            ink, paper = colour(cell.fg, INK), colour(cell.bg, PAPER)
            if cell.reverse:
                ink, paper = paper, ink
            left, top = PAD + column * width, PAD + row * height
            if paper != PAPER:
                draw.rectangle([round(left), top, round(left + width) - 1, top + height - 1], fill=paper)
            if cell.data.strip():
                draw.text((left, top), cell.data, font=bold if cell.bold else plain, fill=ink)
            if cell.underscore:
                draw.line([left, top + height - 3, left + width, top + height - 3], fill=ink, width=2)
    picture.quantize(64).save(png, optimize=True)


main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4])
