//! What the codec must do.
