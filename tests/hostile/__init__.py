"""What hostile or careless people declare, as data: each with a word of the sentence that refuses it."""
