//! Node-API names for the boundary.
