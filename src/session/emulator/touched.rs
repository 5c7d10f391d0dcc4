//! How far to the right the rows of plain output can hold anything: most of a wide terminal is blank, and looking at all of it costs more
//! than everything else that is done with a line.

/// Told of what a stream does; knows of no grid. Whoever moves the cursor or writes cells in any other way than printing, returning and
/// feeding lines must call [`Touched::anywhere`].
pub(super) struct Touched {
    /// Cells from this column on are blank in every row that was made since.
    columns: usize,
    /// Rows that had ever left the screen then.
    since: usize,
    anywhere: bool,
}

impl Default for Touched {
    fn default() -> Self {
        Self {
            columns: 0,
            since: 0,
            anywhere: true,
        }
    }
}

impl Touched {
    /// Cells were written, or may be, that nobody tells of.
    pub(super) fn anywhere(&mut self) {
        self.anywhere = true;
    }

    /// The cursor leaves a row, or goes back in it; what was written there lies left of it and the column after.
    pub(super) fn up_to(&mut self, cursor: usize) {
        self.columns = self.columns.max(cursor + 2);
    }

    /// A line is about to be fed, so many rows having left the screen so far: what is made from now on is known again.
    pub(super) fn line(&mut self, rows_ever: usize) {
        if self.anywhere {
            *self = Self {
                columns: 0,
                since: rows_ever,
                anywhere: false,
            };
        }
    }

    /// From which column on all of these rows, the newest that there are, are blank; none if that is not known.
    pub(super) fn blank_from(&self, rows_ever: usize, rows: usize) -> Option<usize> {
        // One more: the row on which it began.
        let made = rows_ever.saturating_sub(self.since);
        (!self.anywhere && made > rows + 1).then_some(self.columns)
    }
}
