"""The licences of what others made and this repository builds, installs or deploys."""
