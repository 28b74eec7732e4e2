"""From a page to grounded fields: opening, words, layout, fields with page, box and confidence."""
