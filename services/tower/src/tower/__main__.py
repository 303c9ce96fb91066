from chassis.main import main
from tower.app import build
from tower.settings import Settings

main("tower", Settings, build)
