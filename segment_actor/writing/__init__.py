"""The way out: label maps as files on the CT's own grid."""
