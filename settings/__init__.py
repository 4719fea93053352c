"""The strict model of the configuration: what a stack file may hold, how it is read, and what is said when it is wrong."""
